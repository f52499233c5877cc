"""Jobs in unit tests: request them as clients do, and deliver them as Lambda's poller does."""

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from moto.sqs.models import sqs_backends

from accounts.model import UserRecord
from jobs import on_queue_give_up, on_queue_work
from sitewatch import clock, directory, ids
from sitewatch.jobs import JobRecord, NotificationRecord
from tests.world.aws import REGION
from tests.world.calling import Context, access_token, call
from tests.world.environment import ACCOUNT, queue_name

Record = Mapping[str, Any]
"""An SQS message as Lambda passes it to a function."""


@cache
def queue_url(logical_id: str) -> str:
    return f"https://sqs.us-east-1.amazonaws.com/{ACCOUNT}/{queue_name(logical_id)}"


def take(logical_id: str = "JobsQueue") -> list[Record]:
    """Take every message off a queue, oldest first."""
    queue: Any = sqs_backends[ACCOUNT][REGION].queues[queue_name(logical_id)]
    messages, queue._messages = queue._messages, []
    return [{"messageId": message.id, "body": message.body} for message in messages]


def batches(records: Sequence[Record], size: int = 10) -> Iterable[list[Record]]:
    return (list(records[first : first + size]) for first in range(0, len(records), size))


def deliver(records: Sequence[Record]) -> list[Record]:
    """Pass ``records`` to the worker; return those that it failed."""
    failed = _failed(on_queue_work.handler({"Records": list(records)}, Context()))
    return [record for record in records if record["messageId"] in failed]


def give_up_on(records: Sequence[Record]) -> list[Record]:
    """Pass ``records`` to the consumer of what the worker failed; return those that it failed."""
    failed = _failed(on_queue_give_up.handler({"Records": list(records)}, Context()))
    return [record for record in records if record["messageId"] in failed]


def _failed(answer: Mapping[str, Any]) -> set[str]:
    return {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}


def work_all() -> None:
    """Do every job on the queue."""
    for batch in batches(take()):
        assert deliver(batch) == []


def add_user(username: str = "somebody") -> tuple[str, str]:
    """Store a user, and return its id and access token. It has no password: hashing takes time."""
    user_id = ids.new_id()
    UserRecord(
        directory.user_key(user_id),
        id=user_id,
        username=f"{username}-{user_id[-6:]}",
        password_hash="",
        role="user",
        created_at=clock.now(),
    ).save()
    return user_id, access_token(subject=user_id)


def send(token: str, body: object, **arguments: Any) -> str:
    """``POST /messages``, and return the job's id."""
    answer = call("POST", "/messages", body=body, token=token, **arguments)
    assert answer.status == 202, answer.text
    return str(answer.json["job_id"])


def text_to(recipient: str, sender: str, text: str = "hello") -> dict[str, Any]:
    return {"sender_id": sender, "recipient_id": recipient, "content": {"type": "text", "text": text}}


def notifications(token: str) -> list[dict[str, Any]]:
    """All of a caller's notifications, newest first."""
    answer = call("GET", "/notifications", query={"limit": 1000}, token=token)
    assert answer.status == 200, answer.text
    return list(answer.json["notifications"])


def job(job_id: str, token: str) -> dict[str, Any]:
    answer = call("GET", "/jobs/{job_id}", path={"job_id": job_id}, token=token)
    assert answer.status == 200, answer.text
    return dict(answer.json)


def messages(token: str, sender: str, recipient: str, **query: object) -> list[dict[str, Any]]:
    asked = {"sender_id": sender, "recipient_id": recipient, "limit": 1000, **query}
    answer = call("GET", "/messages", query=asked, token=token)
    assert answer.status == 200, answer.text
    return list(answer.json["messages"])


def stored_jobs() -> dict[str, JobRecord]:
    return {record.id: record for record in JobRecord.scan()}


def stored_notifications() -> list[NotificationRecord]:
    return list(NotificationRecord.scan())


def body_of(record: Record) -> dict[str, Any]:
    return dict(json.loads(record["body"]))
