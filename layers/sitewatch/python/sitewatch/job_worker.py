"""Run jobs, each exactly once, even if the queue delivers them several times.

One transaction writes the results of a job, its state and its notifications, on the condition that the job is not
finished. It is written once or not at all, no matter where its worker is stopped.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pynamodb.exceptions import TransactWriteError
from pynamodb.transactions import TransactWrite

from sitewatch import clock, ids, transactions
from sitewatch.errors import UNEXPECTED_ERROR, ApiError, ErrorCode
from sitewatch.jobs import RECORD_LIFETIME, Job, JobRecord, JobState, Kind, NotificationRecord
from sitewatch.observability import logger
from sitewatch.retrying import attempts


class JobNotFinished(RuntimeError):
    """The transaction still conflicted with others at the last attempt."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A notification to a user other than the owner of the job; ``kind`` has its title and code."""

    recipient: str
    kind: Kind
    message: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a job.

    ``message`` (JSON data) is the content of the owner's notification, ``notices`` are the notifications to others, and
    ``write`` adds items to the transaction. If a condition of ``write`` does not hold, the job fails with ``conflict``.
    """

    message: Mapping[str, Any]
    write: transactions.Fill | None = None
    notices: Sequence[Notice] = field(default=())
    conflict: ErrorCode | None = None


Work = Callable[[Job], Outcome]
"""Does one kind of job. It may read and check, but not write. If it raises an ``ApiError``, the job fails with it."""


def work_batch(records: Iterable[Mapping[str, Any]], run: Callable[[Job], None]) -> dict[str, list[dict[str, str]]]:
    """Call ``run`` with the job of each SQS record; returns the partial batch response with the failed records."""
    failed = [record["messageId"] for record in records if not _is_done(record, run)]
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def _is_done(record: Mapping[str, Any], run: Callable[[Job], None]) -> bool:
    try:
        run(Job.from_json(record["body"]))
    except Exception:  # noqa: BLE001 - the boundary: one failed job must not fail its batch
        logger.exception("job failed", message_id=record["messageId"])
        return False
    return True


def run_job(job: Job, work: Mapping[str, Work]) -> None:
    """Run ``job`` with the entry of ``work`` for its kind, and store the outcome.

    Raises
    ------
    KeyError
        If there is no such kind.
    JobNotFinished, TransactWriteError
        If the outcome could not be written; nothing is stored then.

    """
    try:
        _finish(job, work[job.kind.name](job), JobState.DONE)
    except ApiError as error:
        _finish(job, Outcome(_error_message(error.code)), JobState.FAILED)


def give_up(job: Job) -> None:
    """Mark ``job`` as dead, unless it is finished, and notify its owner. A later redelivery may still finish it."""
    _finish(job, Outcome(_error_message(UNEXPECTED_ERROR)), JobState.DEAD)


def _error_message(code: ErrorCode) -> dict[str, Any]:
    return {"code": code.status, "subcode": code.subcode, "error": code.error}


def _finish(job: Job, outcome: Outcome, state: JobState) -> None:
    """Store the outcome of ``job``, unless the job is already finished.

    Raises
    ------
    ApiError
        The outcome's ``conflict``, if a condition of its ``write`` does not hold.

    """
    for _ in attempts():
        try:
            _write(job, outcome, state)
            return
        except TransactWriteError as error:
            of_job, *of_others = [reason.code if reason else None for reason in error.cancellation_reasons] or [None]
            if of_job == "ConditionalCheckFailed":
                return
            if of_job is None and "ConditionalCheckFailed" in of_others and outcome.conflict is not None:
                raise ApiError(outcome.conflict) from None
            if not transactions.is_temporary(error):
                raise
    raise JobNotFinished(job.id)


def _write(job: Job, outcome: Outcome, state: JobState) -> None:
    notification = _notification(job, job.owner, job.kind, outcome.message, is_error=state is not JobState.DONE)
    record = JobRecord(
        job.id,
        owner=job.owner,
        state=state.value,
        notification_id=notification.id,
        expires_at=clock.now() + RECORD_LIFETIME,
    )
    open_states = [JobState.PENDING.value] if state is JobState.DEAD else [JobState.PENDING.value, JobState.DEAD.value]

    def fill(transaction: TransactWrite) -> None:
        transaction.save(record, condition=JobRecord.id.does_not_exist() | JobRecord.state.is_in(*open_states))
        transaction.save(notification)
        for notice in outcome.notices:
            transaction.save(_notification(job, notice.recipient, notice.kind, notice.message, is_error=False))
        if outcome.write is not None:
            outcome.write(transaction)

    transactions.write(fill)


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
