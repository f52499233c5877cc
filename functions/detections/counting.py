"""Count detections exactly once, even if the table's stream delivers a record again.

One transaction writes the sums of a batch and the position that counting has reached in the shard. Records at or
before the stored position are already counted and skipped. Sums that do not fit the transaction are stored with the
position, and written by the next ones, each of which stores what is then left.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import timedelta

from pynamodb.attributes import NumberAttribute
from pynamodb.exceptions import TransactWriteError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from detections.changes import Change
from detections.counts import counter_of
from detections.model import CountRecord, DetectionRecord, PositionRecord
from sitewatch import clock, transactions
from sitewatch.delivery import chunks
from sitewatch.names import fold
from sitewatch.retrying import attempts
from sitewatch.timeline import ALL, HOURS, MINUTES, MONTH, MONTHS, hour_of, minute_of, month_of, whole_hour_of

MAX_ITEMS = 99
"""Items with sums per transaction: DynamoDB takes 100 items, and one of them is the position."""

MAX_ITEMS_AT_ONCE = 4 * MAX_ITEMS
"""Items with sums that a position moves past: the position's item, with most of them, stays below 400 KB."""

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

Addition = tuple[str, str, dict[str, int], str | None]
"""What to add to an item: its counter and value, the numbers by attribute, and the spelling if there is none yet."""

_TOTAL = "total"


class CountingFailed(RuntimeError):
    """The transaction still conflicted with others at the last attempt."""


def sums_of(detection: DetectionRecord) -> list[Sum]:
    """The sums that include a detection: those of /stats, and those with which each list skips."""
    at = detection.created_at
    month, hour = month_of(at), whole_hour_of(at)
    periods = ((MONTHS, ALL, month), (HOURS, month, hour_of(at)), (MINUTES, hour, minute_of(at)))
    make, category = fold(detection.make), fold(detection.category)
    sums = [("make", make, _TOTAL), ("category", category, _TOTAL), ("year", str(detection.year), _TOTAL)]
    for of in ((), ("make", make), ("category", category), ("source", detection.source)):
        sums += [(counter_of(counter, *of), value, name) for counter, value, name in periods]
    return sums


def count(shard: str, changes: Sequence[Change]) -> None:
    """Add ``changes`` of ``shard`` to the sums, unless an earlier delivery did.

    Raises
    ------
    CountingFailed
        If the transaction conflicts with others at every attempt; the batch must be delivered again.

    """
    for _ in attempts():
        try:
            position = _finish(shard, _position(shard))
            reached = position.sequence_number if position else ""
            for last, additions in _parts([change for change in changes if change.sequence_number > reached]):
                position = _finish(shard, _write(shard, position, last, additions))
            return
        except TransactWriteError as error:
            if not transactions.is_temporary(error):
                raise
    raise CountingFailed(shard)


def _position(shard: str) -> PositionRecord | None:
    return next(PositionRecord.query("position", PositionRecord.shard == shard, consistent_read=True), None)


def _finish(shard: str, position: PositionRecord | None) -> PositionRecord | None:
    """Write what a position has left to write; return the position that then has nothing left."""
    while position and position.rest:
        position = _write(shard, position, position.sequence_number, position.rest)
    return position


def _parts(changes: Sequence[Change]) -> Iterator[tuple[str, list[Addition]]]:
    """Split ``changes`` in order into parts with few enough items; yield the last position and the sums of each."""
    sums: Counter[Sum] = Counter()
    spellings: dict[tuple[str, str], str] = {}
    items: set[tuple[str, str]] = set()
    fullest = _fullest(changes)
    last = ""
    for change in changes:
        step: Counter[Sum] = Counter()
        if change.new is not None:
            step.update(one for one in sums_of(change.new) if not _is_fine(one[0]) or one[1] in fullest)
        if change.old is not None:
            # From all: hours may add up to less than their month, and minutes to less than their hour, never to more.
            step.subtract(sums_of(change.old))
        touched = {one[:2] for one in step}
        if last and len(items | touched) > MAX_ITEMS_AT_ONCE:
            yield last, _additions(sums, spellings)
            sums, spellings, items = Counter(), {}, set()
        last = change.sequence_number
        items |= touched
        sums.update(step)
        if change.new is not None:
            spellings.setdefault(("make", fold(change.new.make)), change.new.make)
            spellings.setdefault(("category", fold(change.new.category)), change.new.category)
    if last:
        yield last, _additions(sums, spellings)


def _is_fine(counter: str) -> bool:
    """Whether a counter is of hours or minutes."""
    return counter.startswith((HOURS, MINUTES))


def _fullest(changes: Sequence[Change]) -> Collection[str]:
    """The months whose hours, and the hours whose minutes count new detections: those with the most.

    Of an import that spreads over many months, this leaves out those with few: they need no hours to be skipped, and
    items for each would take many transactions. The current month has all its hours, so that an import does not slow
    down the lists of a site that is live.
    """
    hours = Counter(whole_hour_of(change.new.created_at) for change in changes if change.new is not None)
    months: Counter[str] = Counter()
    for hour, number in hours.items():
        months[hour[:MONTH]] += number
    fullest = {month_of(clock.now()), *(month for month, _ in months.most_common(MAX_MONTHS_WITH_HOURS))}
    within = Counter({hour: number for hour, number in hours.items() if hour[:MONTH] in fullest})
    return fullest | {hour for hour, _ in within.most_common(MAX_HOURS_WITH_MINUTES)}


def _additions(sums: Mapping[Sum, int], spellings: Mapping[tuple[str, str], str]) -> list[Addition]:
    """What to add to each item, in the order in which to write it.

    Hours and minutes come before their months: if a reader comes in between, they add up to more, not to less, and it
    does not read what it can skip. An item with more sums than fit an expression comes again after all the others.
    """
    by_item: defaultdict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    for (counter, value, name), number in sums.items():
        if number:
            by_item[counter, value][name] = number
    additions: list[tuple[int, Addition]] = []
    for (counter, value), numbers in by_item.items():
        for turn, some in enumerate(chunks(sorted(numbers.items()), max_entries=MAX_SUMS_PER_ITEM)):
            additions.append((turn, (counter, value, dict(some), spellings.get((counter, value)))))
    additions.sort(key=lambda each: (each[0], not _is_fine(each[1][0]), each[1][:2]))
    return [addition for _, addition in additions]


def _write(shard: str, before: PositionRecord | None, reached: str, additions: Sequence[Addition]) -> PositionRecord:
    """Write as many of the sums as fit a transaction, and the position, with the rest of them; return it."""
    # A transaction takes an item once. Those that are in it several times come again after all the others.
    fitting = len({(counter, value) for counter, value, *_ in additions[:MAX_ITEMS]})
    rest = list(additions[fitting:])
    position = PositionRecord(
        shard=shard,
        sequence_number=reached,
        rest=rest or None,
        left=len(rest) or None,
        expires_at=clock.now() + _POSITION_LIFETIME,
    )

    def fill(transaction: TransactWrite) -> None:
        transaction.save(position, condition=_is_still(before))
        for counter, value, numbers, spelling in additions[:fitting]:
            actions: list[Action] = [NumberAttribute(attr_name=name).add(number) for name, number in numbers.items()]
            if spelling is not None:
                # It stays as it is if it is stored already.
                actions.append(CountRecord.spelling.set(CountRecord.spelling | spelling))
            transaction.update(CountRecord(counter, value), actions=actions)

    transactions.write(fill)
    return position


def _is_still(position: PositionRecord | None) -> Condition:
    """The condition that the stored position is this one."""
    if position is None:
        return PositionRecord.sequence_number.does_not_exist()
    is_left = PositionRecord.left.does_not_exist() if position.left is None else PositionRecord.left == position.left
    condition: Condition = is_left & (PositionRecord.sequence_number == position.sequence_number)
    return condition
