"""Send the messages of a dead-letter queue to their queue again: `make redrive QUEUE=jobs`; without QUEUE, list them.

`jobs` is the queue `JobsQueue` of template.yaml, and its dead letters are in `JobsDeadLetterQueue`. On AWS, SQS itself
moves them (a message move task); an engine that has no such task has them received, sent and deleted, in this order:
one that is interrupted leaves a message in both queues, never in none, and a job is done once however often it comes.
"""

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from runner.deployed import STACK_FILE, add_arguments, find, resources_of
from runner.errors import RunnerError, exit_code
from runner.local.deployment import aws_errors_as_runner_errors

QUEUE_TYPE = "AWS::SQS::Queue"
DEAD, ALIVE = "DeadLetterQueue", "Queue"
MOST_ENTRIES = 10
HIDDEN_SECONDS = 60
"""How long a message that is being moved is hidden from others who move."""

TASK_DEADLINE_S = 3600.0
NO_SUCH_ACTION = frozenset(
    [
        "AWS.SimpleQueueService.UnsupportedOperation",
        "InvalidAction",
        "UnknownOperationException",
        "UnsupportedOperation",
    ]
)


def queues_of(cloudformation: Any, stack: str) -> dict[str, str]:
    """The URLs of a stack's queues, by their names in the template."""
    return resources_of(cloudformation, stack, QUEUE_TYPE)


def pair(queues: Mapping[str, str], name: str) -> tuple[str, str]:
    """The URLs of the dead-letter queue of the queue that is called `name`, and of that queue itself.

    Raises RunnerError where there are no such two.
    """
    known = pairs(queues)
    if name.lower() not in known:
        raise RunnerError(f"QUEUE is one of {', '.join(known)}, not {name or 'empty'}.")
    return known[name.lower()]


def pairs(queues: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Every dead-letter queue and the queue that its messages go back to, by the name that a person gives them."""
    names = sorted(each.removesuffix(DEAD) for each in queues if each.endswith(DEAD))
    return {name.lower(): (queues[name + DEAD], queues[name + ALIVE]) for name in names if name + ALIVE in queues}


def redrive(sqs: Any, dead: str, alive: str) -> int:
    """Move every message of the queue `dead` to the queue `alive`; how many there were.

    Raises RunnerError where SQS gives up on it.
    """
    try:
        handle = sqs.start_message_move_task(SourceArn=arn_of(sqs, dead), DestinationArn=arn_of(sqs, alive))
    except ClientError as error:
        if error.response["Error"]["Code"] not in NO_SUCH_ACTION:
            raise
        return move_by_hand(sqs, dead, alive)
    return wait_for(sqs, dead, handle["TaskHandle"])


def arn_of(sqs: Any, url: str) -> str:
    """A queue's ARN."""
    return str(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"])


def wait_for(sqs: Any, dead: str, handle: str) -> int:
    """Wait for a message move task; how many messages it moved.

    Raises RunnerError where it does not complete.
    """
    source = arn_of(sqs, dead)
    end = time.monotonic() + TASK_DEADLINE_S
    while True:
        (task, *_) = sqs.list_message_move_tasks(SourceArn=source, MaxResults=1)["Results"]
        if task["Status"] == "COMPLETED":
            return int(task.get("ApproximateNumberOfMessagesMoved", 0))
        if task["Status"] in ("FAILED", "CANCELLED"):
            raise RunnerError(
                f"SQS did not move them ({task['Status']}): {task.get('FailureReason', 'no reason given')}"
            )
        if time.monotonic() > end:
            raise RunnerError(f"SQS still moves them after {TASK_DEADLINE_S:.0f} s; its task is {handle}.")
        time.sleep(1)


def move_by_hand(sqs: Any, dead: str, alive: str) -> int:
    """Receive every message of a queue, send it to the other and delete it; how many there were.

    Raises RunnerError where the other queue refuses one.
    """
    moved = 0
    while messages := receive(sqs, dead):
        entries = [
            {
                "Id": str(number),
                "MessageBody": message["Body"],
                "MessageAttributes": {
                    name: {key: value for key, value in attribute.items() if "List" not in key}
                    for name, attribute in message.get("MessageAttributes", {}).items()
                },
            }
            for number, message in enumerate(messages)
        ]
        answer = sqs.send_message_batch(QueueUrl=alive, Entries=entries)
        sent = [messages[int(each["Id"])] for each in answer.get("Successful", [])]
        if sent:
            receipts = [
                {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]} for number, message in enumerate(sent)
            ]
            sqs.delete_message_batch(QueueUrl=dead, Entries=receipts)
        moved += len(sent)
        if answer.get("Failed"):
            refusal = answer["Failed"][0]
            raise RunnerError(f"{moved} sent again, then one was refused: {refusal.get('Message', refusal['Code'])}")
    return moved


def receive(sqs: Any, queue: str) -> Sequence[Mapping[str, Any]]:
    """Some messages of a queue; none where it is empty."""
    answer = sqs.receive_message(
        QueueUrl=queue,
        MaxNumberOfMessages=MOST_ENTRIES,
        VisibilityTimeout=HIDDEN_SECONDS,
        WaitTimeSeconds=1,
        MessageAttributeNames=["All"],
    )
    messages: Sequence[Mapping[str, Any]] = answer.get("Messages", [])
    return messages


def waiting(sqs: Any, url: str) -> int:
    """About how many messages of a queue can be received now."""
    name = "ApproximateNumberOfMessages"
    return int(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name])


def run(name: str, *, stack: str | None, region: str | None, file: Path = STACK_FILE) -> int:
    """Redrive the queue of that name and say how it went; without a name, say what there is to redrive.

    Raises RunnerError where it cannot be done.
    """
    deployed = find(stack, region, file)
    with aws_errors_as_runner_errors(f"Redriving a queue of {deployed.name}"):
        sqs = deployed.client("sqs")
        queues = deployed.resources(QUEUE_TYPE)
        if not name:
            for each, (dead, _) in pairs(queues).items():
                print(f"{waiting(sqs, dead):6d}  make redrive QUEUE={each}")
            return 0
        dead, alive = pair(queues, name)
        moved = redrive(sqs, dead, alive)
    print(f"{moved} sent again." if moved else f"The dead-letter queue of {name} is empty.")
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and redrive; 1 with a line on standard error where it fails."""
    parser = argparse.ArgumentParser(prog="make redrive", description=(__doc__ or "").partition("\n\n")[2])
    parser.add_argument("queue", help="jobs, alerts, …: the queue's name in template.yaml, without Queue")
    add_arguments(parser)
    parsed = parser.parse_args(arguments)
    return exit_code(lambda: run(parsed.queue, stack=parsed.stack, region=parsed.region))


if __name__ == "__main__":
    sys.exit(main())
