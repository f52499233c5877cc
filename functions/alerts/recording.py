"""Append alerts to the log, each detection once."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from pynamodb.exceptions import TransactWriteError
from pynamodb.transactions import TransactWrite

from alerts import log
from alerts.model import AlertRecord, LogHead, RecordedDetection, partition, recorded_key
from sitewatch import clock, transactions
from sitewatch.delivery import chunks
from sitewatch.retrying import attempts

# A transaction has at most 100 items: two per alert, and the head.
MAX_ALERTS = 49

# Two writers compete for one head, so half of the attempts fail under load, and a batch that gives up is only delivered
# again minutes later. With pauses of half a second on average, this stays below the function's timeout.
ATTEMPTS = 20

# SQS keeps a message for 14 days at most, and a dead-letter queue for as long again.
_MARK_LIFETIME = timedelta(days=60)


class AppendFailed(RuntimeError):
    """Other writers still moved the head of the log at the last attempt."""


def append(alerts: Mapping[str, str]) -> int:
    """Append those of ``alerts`` (detection id to JSON) that are not in the log, and return how many those are.

    Raises
    ------
    AppendFailed
        If the transaction conflicts with other writers at every attempt.

    """
    return sum(_append(dict(chunk)) for chunk in chunks(list(alerts.items()), max_entries=MAX_ALERTS))


def _append(alerts: Mapping[str, str]) -> int:
    for _ in attempts(ATTEMPTS):
        new = _not_recorded(alerts)
        if not new:
            return 0
        try:
            _write(new, after=log.head())
            return len(new)
        except TransactWriteError as error:
            if not transactions.is_temporary(error):
                raise
    raise AppendFailed


def _not_recorded(alerts: Mapping[str, str]) -> list[tuple[str, str]]:
    keys = {recorded_key(detection_id): detection_id for detection_id in alerts}
    marks = RecordedDetection.batch_get([(key, 0) for key in keys], consistent_read=True)
    recorded = {keys[mark.key] for mark in marks}
    return [(detection_id, detection) for detection_id, detection in alerts.items() if detection_id not in recorded]


def _write(alerts: Sequence[tuple[str, str]], *, after: int) -> None:
    unmoved = LogHead.reached == after if after else LogHead.reached.does_not_exist()
    expires_at = clock.now() + _MARK_LIFETIME

    def fill(transaction: TransactWrite) -> None:
        transaction.save(LogHead(reached=after + len(alerts)), condition=unmoved)
        for number, (detection_id, detection) in enumerate(alerts, start=after + 1):
            transaction.save(AlertRecord(partition(number), number, detection=detection))
            transaction.save(
                RecordedDetection(recorded_key(detection_id), expires_at=expires_at),
                condition=RecordedDetection.key.does_not_exist(),
            )

    transactions.write(fill)
