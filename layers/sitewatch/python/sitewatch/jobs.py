"""Jobs: requests that a worker handles from a queue, and that a notification reports on.

A job is sent to the queue first, with everything that its worker needs, and recorded as pending second. After a crash
between the two, the job is still done and recorded as done, although its caller never received its id. In the other
order it would stay pending forever.

The id of a job is the key of everything that it writes. This module knows no domain: ``job_worker`` receives the code
for each kind of job.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from pynamodb.attributes import BooleanAttribute, NumberAttribute, TTLAttribute, UnicodeAttribute
from pynamodb.exceptions import PutError

from sitewatch import aws, clock, settings
from sitewatch.callers import Caller, Role
from sitewatch.errors import INVALID_QUERY, ApiError
from sitewatch.models import BaseModel
from sitewatch.tables import JsonAttribute, Model, TableMeta

MAX_BODY_BYTES = 256 * 1024
"""The largest message that every engine's queue accepts. A job is larger than its request: it is all ASCII."""

RECORD_LIFETIME = timedelta(days=90)
"""How long a job's record is kept: longer than SQS keeps its message in the queue and the dead-letter queue."""


class JobState(StrEnum):
    """The state of a job."""

    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"
    """Checked and refused; this is final."""
    DEAD = "dead"
    """Its worker failed at every attempt. Callers see it as failed; if it is sent again, it may still be done."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of job: its name, and the title and code of the notifications about its jobs."""

    name: str
    title: str
    code: int


@dataclass(frozen=True, slots=True)
class Job:
    """A job in the queue. ``owner`` is the id of the user who requested it, and ``role`` the role at that time."""

    id: str
    kind: Kind
    owner: str
    role: Role
    request: Any

    def to_json(self) -> str:
        # ASCII, because SQS refuses some Unicode characters.
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> "Job":
        """Parse the output of ``to_json``.

        Raises
        ------
        ValueError, KeyError, TypeError
            If it is something else.

        """
        fields: Mapping[str, Any] = json.loads(text)
        return cls(
            id=fields["id"],
            kind=Kind(**fields["kind"]),
            owner=fields["owner"],
            role=Role(fields["role"]),
            request=fields["request"],
        )


class JobRecord(Model):
    """The state of a job, and the id of the owner's notification once it exists."""

    class Meta(TableMeta):
        table_name = settings.text("JOBS_TABLE")

    id = UnicodeAttribute(hash_key=True)
    owner = UnicodeAttribute()
    state = UnicodeAttribute()
    notification_id = UnicodeAttribute(null=True)
    expires_at = TTLAttribute()


class NotificationRecord(Model):
    """A notification, under its recipient and its id, which sorts by time.

    A user has one partition: its limit of 1,000 writes a second is more than any person receives.
    """

    class Meta(TableMeta):
        table_name = settings.text("NOTIFICATIONS_TABLE")

    recipient = UnicodeAttribute(hash_key=True)
    id = UnicodeAttribute(range_key=True)
    job_id = UnicodeAttribute()
    message = JsonAttribute()
    is_error = BooleanAttribute()
    code = NumberAttribute()
    title = UnicodeAttribute()


class AcceptedJob(BaseModel):
    """An accepted request. ``GET /jobs/{job_id}`` and a notification report its result."""

    job_id: str


def enqueue(kind: Kind, request: Any, *, caller: Caller, job_id: str) -> AcceptedJob:
    """Queue ``request`` (JSON data) as a job of ``caller``. The same ``job_id`` means the same job.

    Raises
    ------
    ApiError
        400 if the job's message would be larger than ``MAX_BODY_BYTES``.

    """
    job = Job(job_id, kind, caller.subject, caller.role, request)
    body = job.to_json()
    if len(body) > MAX_BODY_BYTES:
        raise ApiError(INVALID_QUERY, [{"field": "body", "message": f"at most {MAX_BODY_BYTES} bytes as ASCII JSON"}])
    aws.client("sqs").send_message(QueueUrl=settings.text("JOBS_QUEUE_URL"), MessageBody=body)
    pending = JobRecord(job.id, owner=job.owner, state=JobState.PENDING.value, expires_at=clock.now() + RECORD_LIFETIME)
    try:
        pending.save(condition=JobRecord.id.does_not_exist())
    except PutError as error:
        # The worker may have finished it already.
        if error.cause_response_code != "ConditionalCheckFailedException":
            raise
    return AcceptedJob(job_id=job.id)
