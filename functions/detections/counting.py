"""Count detections exactly once, even if the table's stream delivers a record again.

One transaction writes the sums of a batch and the position that counting has reached in the shard. Records at or
before the stored position are already counted and skipped.
"""

import itertools
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta

from pynamodb.attributes import NumberAttribute
from pynamodb.exceptions import TransactWriteError
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from detections.changes import Change
from detections.counts import months_counter
from detections.model import CountRecord, DetectionRecord, PositionRecord
from sitewatch import clock, transactions
from sitewatch.names import fold
from sitewatch.retrying import attempts
from sitewatch.timeline import ALL, HOURS, MINUTES, MONTH, hour_of, minute_of, month_of, whole_hour_of

MAX_ITEMS = 99
"""Items with sums per transaction: DynamoDB takes 100 items, and one of them is the position."""

MAX_MONTHS_WITH_HOURS = 12
"""Months whose hours a batch counts, besides the current month."""

MAX_HOURS_WITH_MINUTES = 10
"""Hours whose minutes a batch counts."""

MAX_SUMS_PER_ITEM = 200
"""So that an update's expression stays below 4 KB."""

# A shard disappears a day after it closes; its position can expire then too.
_POSITION_LIFETIME = timedelta(days=7)

Sum = tuple[str, str, str]
"""A counter and a value, the key of a ``CountRecord``, and one of its attributes."""

_TOTAL = "total"


class CountingFailed(RuntimeError):
    """The transaction still conflicted with others at the last attempt."""


def sums_of(detection: DetectionRecord) -> list[Sum]:
    """The sums that include a detection: those of /stats, and those with which each list skips."""
    make, category = fold(detection.make), fold(detection.category)
    month, hour = month_of(detection.created_at), whole_hour_of(detection.created_at)
    return [
        ("make", make, _TOTAL),
        ("category", category, _TOTAL),
        ("year", str(detection.year), _TOTAL),
        (months_counter(), ALL, month),
        (months_counter("make", make), ALL, month),
        (months_counter("category", category), ALL, month),
        (months_counter("source", detection.source), ALL, month),
        (HOURS, month, hour_of(detection.created_at)),
        (MINUTES, hour, minute_of(detection.created_at)),
    ]


def spellings_of(changes: Iterable[Change]) -> Mapping[Sum, str]:
    """The first spelling in ``changes`` of each make and category, by its sum."""
    spellings: dict[Sum, str] = {}
    for change in changes:
        if change.new is not None:
            spellings.setdefault(("make", fold(change.new.make), _TOTAL), change.new.make)
            spellings.setdefault(("category", fold(change.new.category), _TOTAL), change.new.category)
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
    """Split ``changes`` in order into parts whose sums fit a transaction; yield each with its sums."""
    part: list[Change] = []
    sums: Counter[Sum] = Counter()
    fullest = _fullest(changes)
    for change in changes:
        step: Counter[Sum] = Counter()
        if change.new is not None:
            step.update(one for one in sums_of(change.new) if one[0] not in (HOURS, MINUTES) or one[:2] in fullest)
        if change.old is not None:
            # From all: hours may add up to less than their month, and minutes to less than their hour, never to more.
            step.subtract(sums_of(change.old))
        if part and not _fits(sums.keys() | step.keys()):
            yield part, sums
            part, sums = [], Counter()
        part.append(change)
        sums.update(step)
    if part:
        yield part, sums


def _fullest(changes: Sequence[Change]) -> Collection[tuple[str, str]]:
    """The items of hours and of minutes that count new detections: those of the months and hours with the most.

    Of an import that spreads over many months, this leaves out those with few: they need no hours to be skipped, and
    an item for each would take many transactions. The current month has all its hours, so that an import does not slow
    down the list of a site that is live.
    """
    hours = Counter(whole_hour_of(change.new.created_at) for change in changes if change.new is not None)
    months: Counter[str] = Counter()
    for hour, number in hours.items():
        months[hour[:MONTH]] += number
    fullest = {month_of(clock.now()), *(month for month, _ in months.most_common(MAX_MONTHS_WITH_HOURS))}
    within = Counter({hour: number for hour, number in hours.items() if hour[:MONTH] in fullest})
    return {(HOURS, month) for month in fullest} | {
        (MINUTES, hour) for hour, _ in within.most_common(MAX_HOURS_WITH_MINUTES)
    }


def _fits(sums: Iterable[Sum]) -> bool:
    sums_of_items = Counter((counter, value) for counter, value, _ in sums)
    return len(sums_of_items) <= MAX_ITEMS and max(sums_of_items.values()) <= MAX_SUMS_PER_ITEM


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
        for (counter, value), each in itertools.groupby(sorted(sums), key=lambda one: one[:2]):
            actions: list[Action] = []
            for one in each:
                if sums[one]:
                    actions.append(NumberAttribute(attr_name=one[2]).add(sums[one]))
                    if one in spellings:
                        # It stays as it is if it is stored already.
                        actions.append(CountRecord.spelling.set(CountRecord.spelling | spellings[one]))
            if actions:
                transaction.update(CountRecord(counter, value), actions=actions)

    transactions.write(fill)
