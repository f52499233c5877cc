"""Count detections exactly once, even if the table's stream delivers a record again.

One transaction writes the sums of a batch and the position that counting has reached in the shard. Records at or
before the stored position are already counted and skipped.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta

from pynamodb.exceptions import TransactWriteError
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from detections.changes import Change
from detections.counts import hours_counter
from detections.model import CountRecord, DetectionRecord, PositionRecord
from sitewatch import clock, transactions
from sitewatch.names import fold
from sitewatch.retrying import attempts

MAX_SUMS = 90
"""Sums per transaction: DynamoDB takes 100 items, and one of them is the position."""

_HOUR_LENGTH = len("2026-11-22T06")

# A shard disappears a day after it closes; its position can expire then too.
_POSITION_LIFETIME = timedelta(days=7)

Sum = tuple[str, str]
"""A counter and a value: the key of a ``CountRecord``."""


class CountingFailed(RuntimeError):
    """The transaction still conflicted with others at the last attempt."""


def sums_of(detection: DetectionRecord) -> list[Sum]:
    """The sums that include a detection: those of /stats, and the counts by hour for each filter of the list."""
    hour = clock.sortable(detection.created_at)[:_HOUR_LENGTH]
    make, category = fold(detection.make), fold(detection.category)
    return [
        ("make", make),
        ("category", category),
        ("year", str(detection.year)),
        (hours_counter(), hour),
        (hours_counter("make", make), hour),
        (hours_counter("category", category), hour),
        (hours_counter("source", detection.source), hour),
    ]


def spellings_of(changes: Iterable[Change]) -> Mapping[Sum, str]:
    """The first spelling in ``changes`` of each make and category, by its sum."""
    spellings: dict[Sum, str] = {}
    for change in changes:
        if change.new is not None:
            spellings.setdefault(("make", fold(change.new.make)), change.new.make)
            spellings.setdefault(("category", fold(change.new.category)), change.new.category)
    return spellings


def count(shard: str, changes: Sequence[Change]) -> None:
    """Add ``changes`` of ``shard`` to the sums, unless an earlier delivery did.

    Raises
    ------
    CountingFailed
        If the transaction conflicts with others at every attempt; the batch must be delivered again.

    """
    for _ in attempts():
        reached = _position(shard)
        try:
            for part, sums in _parts([change for change in changes if change.sequence_number > (reached or "")]):
                position = part[-1].sequence_number
                _write(shard, sums, spellings_of(part), reached=reached, position=position)
                reached = position
            return
        except TransactWriteError as error:
            if not transactions.is_temporary(error):
                raise
    raise CountingFailed(shard)


def _position(shard: str) -> str | None:
    stored = next(PositionRecord.query("position", PositionRecord.shard == shard, consistent_read=True), None)
    return stored.sequence_number if stored else None


def _parts(changes: Sequence[Change]) -> Iterator[tuple[list[Change], Mapping[Sum, int]]]:
    """Split ``changes`` in order into parts with at most ``MAX_SUMS`` distinct sums; yield each with its sums."""
    part: list[Change] = []
    sums: Counter[Sum] = Counter()
    for change in changes:
        step: Counter[Sum] = Counter()
        if change.new is not None:
            step.update(sums_of(change.new))
        if change.old is not None:
            step.subtract(sums_of(change.old))
        if part and len(sums.keys() | step.keys()) > MAX_SUMS:
            yield part, sums
            part, sums = [], Counter()
        part.append(change)
        sums.update(step)
    if part:
        yield part, sums


def _write(
    shard: str, sums: Mapping[Sum, int], spellings: Mapping[Sum, str], *, reached: str | None, position: str
) -> None:
    unmoved = (
        PositionRecord.sequence_number.does_not_exist()
        if reached is None
        else PositionRecord.sequence_number == reached
    )

    def fill(transaction: TransactWrite) -> None:
        transaction.save(
            PositionRecord(shard=shard, sequence_number=position, expires_at=clock.now() + _POSITION_LIFETIME),
            condition=unmoved,
        )
        for each, difference in sums.items():
            if difference:
                actions: list[Action] = [CountRecord.total.add(difference)]
                if each in spellings:
                    # It stays as it is if it is stored already.
                    actions.append(CountRecord.spelling.set(CountRecord.spelling | spellings[each]))
                transaction.update(CountRecord(*each), actions=actions)

    transactions.write(fill)
