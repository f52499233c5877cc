"""Send the messages of a dead-letter queue to its queue again: `make redrive QUEUE=jobs`; without QUEUE, list them.

`jobs` is the queue `JobsQueue` of template.yaml, and its dead letters are in `JobsDeadLetterQueue`. On AWS, SQS moves
them itself (a message move task). On an engine without such tasks they are received, sent and deleted, in this order:
an interruption leaves a message in both queues, never in none, and a job is done once however often it arrives.
"""

import argparse
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from runner import arguments
from runner.errors import RunnerError
from runner.operate.queues import Message, Queue
from runner.stack import aws_errors, choose, find
from runner.waiting import wait_until

QUEUE_TYPE = "AWS::SQS::Queue"
DEAD, ALIVE = "DeadLetterQueue", "Queue"
TASK_DEADLINE_S = 3600.0
UNSUPPORTED = "UnsupportedOperation"
NO_SUCH_ACTION = ("InvalidAction", "UnknownOperationException", UNSUPPORTED, f"AWS.SimpleQueueService.{UNSUPPORTED}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    arguments.add(parser, "queue", "QUEUE", "jobs, alerts, …: the queue's name in template.yaml, without Queue")
    arguments.add_stack(parser)


def run(parsed: argparse.Namespace) -> None:
    """Redrive the queue of that name; without a name, list the queues and how many messages can be redriven."""
    stack = find(parsed)
    with aws_errors(f"Redriving a queue of {stack.stack_name}"):
        sqs = stack.client("sqs")
        queues = stack.resources(QUEUE_TYPE)
        if not parsed.queue:
            for name, (dead, _) in pairs(queues).items():
                print(f"{waiting(sqs, dead):6d}  make redrive QUEUE={name}")
            return
        moved = redrive(sqs, *pair(queues, parsed.queue))
    print(f"{moved} sent again." if moved else f"The dead-letter queue of {parsed.queue} is empty.")


def pair(queues: Mapping[str, str], name: str) -> tuple[str, str]:
    """The URLs of a queue's dead-letter queue and of the queue itself, by the name that the user gives it."""
    known = pairs(queues)
    return known[choose(known, name, suffix=ALIVE, variable="QUEUE")]


def pairs(queues: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """The URLs of every dead-letter queue and of its queue, by the name that the user gives them."""
    names = sorted(each.removesuffix(DEAD) for each in queues if each.endswith(DEAD))
    return {name.lower(): (queues[name + DEAD], queues[name + ALIVE]) for name in names if name + ALIVE in queues}


def redrive(sqs: Any, dead: str, alive: str) -> int:
    """Move every message of the queue `dead` to the queue `alive`, and return how many there were."""
    source, destination = (attribute(sqs, url, "QueueArn") for url in (dead, alive))
    try:
        handle = sqs.start_message_move_task(SourceArn=source, DestinationArn=destination)
    except ClientError as error:
        if error.response["Error"]["Code"] not in NO_SUCH_ACTION:
            raise
        return move_by_hand(sqs, dead, alive)
    return wait_for(sqs, source, handle["TaskHandle"])


def wait_for(sqs: Any, source: str, handle: str) -> int:
    """Wait for a message move task, and return how many messages it moved."""
    task: dict[str, Any] = {}

    def is_done() -> bool:
        nonlocal task
        (task, *_) = sqs.list_message_move_tasks(SourceArn=source, MaxResults=1)["Results"]
        if task["Status"] in ("FAILED", "CANCELLED"):
            reason = task.get("FailureReason", "no reason given")
            raise RunnerError(f"SQS did not move them ({task['Status']}): {reason}")
        return bool(task["Status"] == "COMPLETED")

    late = f"SQS is still moving them after {TASK_DEADLINE_S:.0f} s; its task is {handle}."
    wait_until(is_done, TASK_DEADLINE_S, late, pause_s=1)
    return int(task.get("ApproximateNumberOfMessagesMoved", 0))


def move_by_hand(sqs: Any, dead: str, alive: str) -> int:
    """Receive every message of a queue, send it to the other, delete it, and return how many there were."""
    queue, moved = Queue(sqs, dead), 0
    for message in queue.messages():
        entry = {"Id": "0", "MessageBody": message["Body"], "MessageAttributes": attributes_of(message)}
        answer = sqs.send_message_batch(QueueUrl=alive, Entries=[entry])
        if answer.get("Failed"):
            refusal = answer["Failed"][0]
            raise RunnerError(f"{moved} sent again, then one was refused: {refusal.get('Message', refusal['Code'])}")
        queue.delete(message["MessageId"])
        moved += 1
    return moved


def attributes_of(message: Message) -> dict[str, Any]:
    """A received message's attributes as SQS accepts them, without the lists that it reserves."""
    return {
        name: {key: value for key, value in attribute.items() if "List" not in key}
        for name, attribute in message.get("MessageAttributes", {}).items()
    }


def waiting(sqs: Any, url: str) -> int:
    """About how many messages of a queue can be received now."""
    return int(attribute(sqs, url, "ApproximateNumberOfMessages"))


def attribute(sqs: Any, url: str, name: str) -> str:
    """One of a queue's attributes."""
    return str(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name])
