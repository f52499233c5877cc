"""Deliver a message: what the worker does for a job of ``POST /messages``."""

from pynamodb.transactions import TransactWrite

from messages.checks import check
from messages.model import MESSAGE_RECEIVED, MessageRecord, direction, posted_at
from sitewatch import clock, directory
from sitewatch.callers import Role
from sitewatch.job_worker import Notice, Outcome
from sitewatch.jobs import Job


def deliver(job: Job) -> Outcome:
    """Check the message that ``job`` asks for, and say what to write of it. The message has the job's id.

    Raises
    ------
    ApiError
        What is wrong with it.

    """
    checked = check(
        job.request,
        known=directory.existing_ids,
        may_send_as=lambda sender: job.role is Role.ADMIN or sender == job.owner,
    )
    message = MessageRecord(
        direction(checked.sender, checked.recipient),
        job.id,
        sender=checked.sender,
        recipient=checked.recipient,
        content=dict(checked.content),
    )

    def write(transaction: TransactWrite) -> None:
        transaction.save(message)

    said = {
        "id": job.id,
        "sender": checked.sender,
        "recipient": checked.recipient,
        "timestamp": clock.format_time(posted_at(job.id)),
    }
    notices = [Notice(checked.recipient, MESSAGE_RECEIVED, said)] if checked.recipient != job.owner else []
    return Outcome(said, write, notices)
