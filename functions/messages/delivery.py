"""Deliver messages: the worker of ``POST /messages`` jobs."""

from pynamodb.transactions import TransactWrite

from messages.checks import check
from messages.model import MESSAGE_RECEIVED, MessageRecord, MessageView, direction
from sitewatch import directory
from sitewatch.callers import Role
from sitewatch.job_worker import Notice, Outcome
from sitewatch.jobs import Job


def deliver(job: Job) -> Outcome:
    """Validate the message of ``job`` and return the outcome, which stores it. The message's id is the job's id.

    Raises
    ------
    ApiError
        The first failed check.

    """
    checked = check(
        job.request,
        known_users=directory.existing_ids,
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

    view = MessageView.of(message).model_dump(mode="json")
    notices = [Notice(checked.recipient, MESSAGE_RECEIVED, view)] if checked.recipient != job.owner else []
    return Outcome(view, write, notices)
