"""Read the log of alerts; ``recording`` writes it."""

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from alerts.model import ALERTS_PER_PARTITION, AlertsRecord, LogHead, partition


class LoggedAlert(NamedTuple):
    """An alert of the log; ``detection`` is the JSON that clients get, without line breaks."""

    number: int
    detection: str


def head(*, consistent: bool = True) -> int:
    """The number of the last alert; 0 if the log is empty.

    Without ``consistent`` it costs half and may be that of a second ago.
    """
    stored = next(LogHead.query("head", consistent_read=consistent, limit=1), None)
    return int(stored.reached) if stored else 0


def after(number: int, *, until: int, limit: int) -> list[LoggedAlert]:
    """Up to ``limit`` alerts after ``number`` and up to ``until``, oldest first."""
    found = (alert for record in _records(number + 1, until) for alert in _alerts(record) if alert.number > number)
    return list(islice(found, limit))


def _records(first: int, until: int) -> Iterator[AlertsRecord]:
    """The records whose last number is between two (inclusive): the first of them may begin before."""
    while first <= until:
        last = min((first // ALERTS_PER_PARTITION + 1) * ALERTS_PER_PARTITION - 1, until)
        # bounded: by the caller, which reads up to its limit
        yield from AlertsRecord.query(partition(first), AlertsRecord.number.between(first, last), consistent_read=True)
        first = last + 1


def _alerts(record: AlertsRecord) -> Iterator[LoggedAlert]:
    lines = record.detections.split("\n")
    first = int(record.number) - len(lines) + 1
    return (LoggedAlert(number, line) for number, line in enumerate(lines, first))
