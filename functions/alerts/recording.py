"""Append alerts to the log, each detection once."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from pynamodb.exceptions import TransactWriteError
from pynamodb.transactions import TransactWrite

from alerts.model import AlertsRecord, LogHead, RecordedDetection, partition, recorded_key
from sitewatch import clock, transactions
from sitewatch.delivery import chunks
from sitewatch.retrying import attempts

# A transaction has at most 100 items: a mark for each alert, the alerts, and the head. So has the read before it.
MAX_ALERTS = 98

# Two writers compete for one head, so half of the attempts fail under load, and a batch that gives up is only delivered
# again minutes later. With pauses of half a second on average, this stays below the function's timeout.
ATTEMPTS = 20

# SQS keeps a message for 14 days at most, and a dead-letter queue for as long again.
_MARK_LIFETIME = timedelta(days=60)

_last_head: int | None = None
"""The head of the log after the last batch of this process, unless others write too."""


class AppendFailed(RuntimeError):
    """Other writers still moved the head of the log at the last attempt."""


def append(alerts: Mapping[str, str]) -> int:
    """Append those of ``alerts`` (detection id to JSON) that are not in the log, and return how many those are.

    A process reads nothing while no other one writes and nothing comes twice: the transaction's conditions show both.

    Raises
    ------
    AppendFailed
        If the transaction conflicts with other writers at every attempt.

    """
    return sum(_append(dict(chunk)) for chunk in chunks(list(alerts.items()), max_entries=MAX_ALERTS))


def forget() -> None:
    """Read the head of the log before the next batch."""
    global _last_head  # noqa: PLW0603
    _last_head = None


def _append(alerts: Mapping[str, str]) -> int:
    global _last_head  # noqa: PLW0603 - a process continues after its own last batch
    known, _last_head = _last_head, None
    if known is not None and _is_written(list(alerts.items()), after=known):
        _last_head = known + len(alerts)
        return len(alerts)
    for _ in attempts(ATTEMPTS):
        head, recorded = _read(alerts)
        new = [(detection_id, detection) for detection_id, detection in alerts.items() if detection_id not in recorded]
        if not new or _is_written(new, after=head):
            # A refused transaction costs as much as one that is written, so after one it reads the next time.
            _last_head = head + len(new) if known is None else None
            return len(new)
    raise AppendFailed


def _read(alerts: Mapping[str, str]) -> tuple[int, set[str]]:
    """The head of the log, and which of ``alerts`` are in it: one call."""
    keys = {recorded_key(detection_id): detection_id for detection_id in alerts}
    found = list(LogHead.batch_get([("head", 0), *((key, 0) for key in keys)], consistent_read=True))
    head = next((int(one.reached) for one in found if one.key == "head"), 0)
    return head, {keys[one.key] for one in found if one.key != "head"}


def _is_written(alerts: Sequence[tuple[str, str]], *, after: int) -> bool:
    """Write ``alerts`` after a head of the log; whether that was still the head, and none of them in the log."""
    try:
        _write(alerts, after=after)
    except TransactWriteError as error:
        if not transactions.is_temporary(error):
            raise
        return False
    return True


def _write(alerts: Sequence[tuple[str, str]], *, after: int) -> None:
    unmoved = LogHead.reached == after if after else LogHead.reached.does_not_exist()
    last, expires_at = after + len(alerts), clock.now() + _MARK_LIFETIME

    def fill(transaction: TransactWrite) -> None:
        transaction.save(LogHead(reached=last), condition=unmoved)
        detections = "\n".join(detection for _, detection in alerts)
        transaction.save(AlertsRecord(partition(last), last, detections=detections))
        for detection_id, _ in alerts:
            transaction.save(
                RecordedDetection(recorded_key(detection_id), expires_at=expires_at),
                condition=RecordedDetection.key.does_not_exist(),
            )

    transactions.write(fill)
