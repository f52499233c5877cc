"""Read the log of alerts; ``recording`` writes it."""

from collections.abc import Iterator
from itertools import islice

from alerts.model import ALERTS_PER_PARTITION, AlertRecord, LogHead, partition


def head(*, consistent: bool = True) -> int:
    """The number of the last alert; 0 if the log is empty.

    Without ``consistent`` it costs half and may be that of a second ago.
    """
    stored = next(LogHead.query("head", consistent_read=consistent, limit=1), None)
    return int(stored.reached) if stored else 0


def after(number: int, *, until: int, limit: int) -> list[AlertRecord]:
    """Up to ``limit`` alerts after ``number`` and up to ``until``, oldest first."""
    return list(islice(_after(number, until), limit))


def _after(number: int, until: int) -> Iterator[AlertRecord]:
    first = number + 1
    while first <= until:
        last = min((first // ALERTS_PER_PARTITION + 1) * ALERTS_PER_PARTITION - 1, until)
        # bounded: by the caller, which reads up to its limit
        yield from AlertRecord.query(partition(first), AlertRecord.number.between(first, last), consistent_read=True)
        first = last + 1
