"""Count detections exactly once, whatever the stream delivers again.

The sums of a batch and the position that the counting of its shard has reached are written in one
transaction. A record at or before the stored position is counted already and is passed over.
"""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

from pynamodb.exceptions import TransactWriteError
from pynamodb.transactions import TransactWrite

from detections import partitions
from detections.changes import Change
from detections.model import CountRecord, DetectionRecord, PositionRecord
from sitewatch import clock, tables
from sitewatch.delivery import ATTEMPTS, pause_before

MOST_SUMS = 90
"""Sums in one transaction: DynamoDB takes 100 items, one of them is the position."""

# A shard is gone a day after it was closed; its position can go with it.
_POSITION_LIFETIME = timedelta(days=7)

Sum = tuple[str, str]
"""A counter and a value: the key of a ``CountRecord``."""


class CountingFailed(RuntimeError):
    """Other transactions kept on touching the same sums after every retry."""


def sums_of(detection: DetectionRecord) -> list[Sum]:
    """The sums that a detection is part of: for /stats, and per hour for each filter of the list."""
    hour = partitions.hour(detection.created_at)
    return [
        ("make", detection.make),
        ("category", detection.category),
        ("year", str(detection.year)),
        (hours_of(), hour),
        (hours_of(make=detection.make), hour),
        (hours_of(category=detection.category), hour),
    ]


def hours_of(*, make: str | None = None, category: str | None = None) -> str:
    """The counter of the hours of a make, else of a category, else of all."""
    if make is not None:
        return f"hours#make#{make}"
    if category is not None:
        return f"hours#category#{category}"
    return "hours"


def count(shard: str, changes: Sequence[Change]) -> None:
    """Add what ``changes`` of ``shard`` mean to the sums, unless an earlier delivery did.

    Raises
    ------
    CountingFailed
        Where the transaction lost against others at every attempt; the batch has to come again.

    """
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(pause_before(attempt))
        reached = _position(shard)
        try:
            for part, sums in _parts([change for change in changes if change.sequence_number > (reached or "")]):
                position = part[-1].sequence_number
                _commit(shard, sums, reached=reached, position=position)
                reached = position
            return
        except TransactWriteError as error:
            if not tables.may_pass(error):
                raise
    raise CountingFailed(shard)


def _position(shard: str) -> str | None:
    stored = next(PositionRecord.query("position", PositionRecord.shard == shard, consistent_read=True), None)
    return stored.sequence_number if stored else None


def _parts(changes: Sequence[Change]) -> Iterator[tuple[list[Change], Mapping[Sum, int]]]:
    """``changes`` in order, in parts of at most ``MOST_SUMS`` distinct sums each, with their sums."""
    part: list[Change] = []
    sums: Counter[Sum] = Counter()
    for change in changes:
        step: Counter[Sum] = Counter()
        if change.new is not None:
            step.update(sums_of(change.new))
        if change.old is not None:
            step.subtract(sums_of(change.old))
        if part and len(sums.keys() | step.keys()) > MOST_SUMS:
            yield part, sums
            part, sums = [], Counter()
        part.append(change)
        sums.update(step)
    if part:
        yield part, sums


def _commit(shard: str, sums: Mapping[Sum, int], *, reached: str | None, position: str) -> None:
    unmoved = (
        PositionRecord.sequence_number.does_not_exist()
        if reached is None
        else PositionRecord.sequence_number == reached
    )
    with TransactWrite(connection=tables.connection()) as transaction:
        transaction.save(
            PositionRecord(shard=shard, sequence_number=position, expires_at=clock.now() + _POSITION_LIFETIME),
            condition=unmoved,
        )
        for (counter, value), difference in sums.items():
            if difference:
                transaction.update(CountRecord(counter, value), actions=[CountRecord.total.add(difference)])


def totals(counter: str) -> Iterator[tuple[str, int]]:
    """The sums of ``counter`` (``make``, ``category`` or ``year``), in the order of their values."""
    return ((count.value, int(count.total)) for count in CountRecord.query(counter) if count.total > 0)
