"""Jobs: what a caller asks for, a worker does from a queue, and a notification reports to the caller.

A job goes on the queue first, with all that its worker needs, and is recorded as pending second. A
crash between the two leaves a job that is done and recorded as done, though its caller was never
told its id. The other order would leave a job that is pending for ever, and that nobody does.

A job's id is the key of everything that it writes. It knows no domain: what is to be done for a
kind of job, ``job_worker`` is told.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from pydantic import BaseModel
from pynamodb.attributes import BooleanAttribute, NumberAttribute, TTLAttribute, UnicodeAttribute
from pynamodb.exceptions import PutError
from pynamodb.models import Model

from sitewatch import aws, clock, settings
from sitewatch.callers import Caller, Role
from sitewatch.tables import JsonAttribute, TableMeta

RECORD_LIFETIME = timedelta(days=90)
"""How long a job is remembered: longer than SQS keeps a message, in a queue and then in a dead-letter queue."""


class JobState(StrEnum):
    """How far a job is."""

    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"
    """It was checked and refused; that is final."""
    DEAD = "dead"
    """Its worker failed at every attempt. Callers see it as failed; sent again, it may still be done."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of job: its name, and the title and code of the notifications about its jobs."""

    name: str
    title: str
    code: int


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it is on the queue. ``owner`` is the id of the user who asked, with ``role`` at that time."""

    id: str
    kind: Kind
    owner: str
    role: Role
    request: Any

    def to_json(self) -> str:
        # ASCII: SQS refuses some characters of Unicode that a text may hold.
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Job":
        """Read what ``to_json`` spelled.

        Raises
        ------
        ValueError, KeyError, TypeError
            Where it is something else.

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
    """The state of a job, and the id of the owner's notification about it once there is one."""

    class Meta(TableMeta):
        table_name = settings.text("JOBS_TABLE")

    id = UnicodeAttribute(hash_key=True)
    owner = UnicodeAttribute()
    state = UnicodeAttribute()
    notification_id = UnicodeAttribute(null=True)
    expires_at = TTLAttribute()


class NotificationRecord(Model):
    """A notification, under the user whom it tells something and its id, which sorts by time.

    A user's are one partition: it takes 1,000 a second, more than any person is written to.
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
    """A request that a worker will do; ``GET /jobs/{job_id}`` and a notification tell what came of it."""

    job_id: str


def enqueue(kind: Kind, request: Any, *, caller: Caller, job_id: str) -> AcceptedJob:
    """Have ``request`` (JSON data) done as a job of ``caller``. A second time with the same id is the same job."""
    job = Job(job_id, kind, caller.subject, caller.role, request)
    aws.client("sqs").send_message(QueueUrl=settings.text("JOBS_QUEUE_URL"), MessageBody=job.to_json())
    pending = JobRecord(job.id, owner=job.owner, state=JobState.PENDING.value, expires_at=clock.now() + RECORD_LIFETIME)
    try:
        pending.save(condition=JobRecord.id.does_not_exist())
    except PutError as error:
        # The worker may have been faster.
        if error.cause_response_code != "ConditionalCheckFailedException":
            raise
    return AcceptedJob(job_id=job.id)
