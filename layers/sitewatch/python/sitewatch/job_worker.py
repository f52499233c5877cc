"""Do jobs, each once, however often the queue delivers it.

All that a job writes, its state and the notifications of it are one transaction, whose condition is
that the job is not finished: it happens once or not at all, wherever its worker is stopped.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pynamodb.exceptions import TransactWriteError
from pynamodb.transactions import TransactWrite

from sitewatch import clock, ids, tables
from sitewatch.delivery import ATTEMPTS, pause_before
from sitewatch.errors import UNEXPECTED_ERROR, ApiError, ErrorCode
from sitewatch.jobs import RECORD_LIFETIME, Job, JobRecord, JobState, Kind, NotificationRecord
from sitewatch.observability import logger

Write = Callable[[TransactWrite], None]


class JobNotFinished(RuntimeError):
    """Other transactions kept on touching the same items after every retry."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to tell a user who did not ask for the job: ``kind`` gives the title and code."""

    recipient: str
    kind: Kind
    message: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a job comes to.

    ``message`` (JSON data) is what its owner is told, ``notices`` what others are told, ``write``
    adds what it stores to the transaction. Where a condition of ``write`` does not hold, the job is
    refused with ``conflict`` instead.
    """

    message: Mapping[str, Any]
    write: Write | None = None
    notices: Sequence[Notice] = field(default=())
    conflict: ErrorCode | None = None


Work = Callable[[Job], Outcome]
"""What a kind of job does: reads and checks only. An ``ApiError`` that it raises is the job's outcome."""


def work_batch(records: Iterable[Mapping[str, Any]], do: Callable[[Job], None]) -> dict[str, list[dict[str, str]]]:
    """Call ``do`` with the job of each SQS record; the answer names the records that have to come again."""
    failed = [record["messageId"] for record in records if not _is_done(record, do)]
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def _is_done(record: Mapping[str, Any], do: Callable[[Job], None]) -> bool:
    try:
        do(Job.from_json(record["body"]))
    except Exception:  # noqa: BLE001 - the boundary: a job that fails must not take the rest of its batch along
        logger.exception("job not done", message_id=record["messageId"])
        return False
    return True


def do(job: Job, work: Mapping[str, Work]) -> None:
    """Do ``job`` by the entry of ``work`` for its kind.

    Raises
    ------
    KeyError
        Where there is no such kind.
    JobNotFinished, TransactWriteError
        Where the tables did not take its outcome; nothing of it is stored.

    """
    try:
        _finish(job, work[job.kind.name](job), JobState.DONE)
    except ApiError as error:
        _finish(job, Outcome(_said_of(error.code)), JobState.FAILED)


def give_up(job: Job) -> None:
    """Record that the workers of ``job`` failed, unless it is finished, and tell its owner. It may be done later."""
    _finish(job, Outcome(_said_of(UNEXPECTED_ERROR)), JobState.DEAD)


def _said_of(code: ErrorCode) -> dict[str, Any]:
    return {"code": code.status, "subcode": code.subcode, "error": code.error}


def _finish(job: Job, outcome: Outcome, state: JobState) -> None:
    """Store the outcome of ``job``, unless that has happened.

    Raises
    ------
    ApiError
        With the outcome's ``conflict``, where a condition of its ``write`` does not hold.

    """
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(pause_before(attempt))
        try:
            _commit(job, outcome, state)
            return
        except TransactWriteError as error:
            of_job, *of_others = [reason.code if reason else None for reason in error.cancellation_reasons] or [None]
            if of_job == "ConditionalCheckFailed":
                return
            if of_job is None and "ConditionalCheckFailed" in of_others and outcome.conflict is not None:
                raise ApiError(outcome.conflict) from None
            if not tables.may_pass(error):
                raise
    raise JobNotFinished(job.id)


def _commit(job: Job, outcome: Outcome, state: JobState) -> None:
    notification = _notification(job, job.owner, job.kind, outcome.message, is_error=state is not JobState.DONE)
    record = JobRecord(
        job.id,
        owner=job.owner,
        state=state.value,
        notification_id=notification.id,
        expires_at=clock.now() + RECORD_LIFETIME,
    )
    open_states = [JobState.PENDING.value] if state is JobState.DEAD else [JobState.PENDING.value, JobState.DEAD.value]
    with TransactWrite(connection=tables.connection()) as transaction:
        transaction.save(record, condition=JobRecord.id.does_not_exist() | JobRecord.state.is_in(*open_states))
        transaction.save(notification)
        for notice in outcome.notices:
            transaction.save(_notification(job, notice.recipient, notice.kind, notice.message, is_error=False))
        if outcome.write is not None:
            outcome.write(transaction)


def _notification(
    job: Job, recipient: str, kind: Kind, message: Mapping[str, Any], *, is_error: bool
) -> NotificationRecord:
    return NotificationRecord(
        recipient,
        ids.new_id(),
        job_id=job.id,
        message=dict(message),
        is_error=is_error,
        code=kind.code,
        title=kind.title,
    )
