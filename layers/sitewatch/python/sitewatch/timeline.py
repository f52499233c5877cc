"""Pages of lists by time: every page costs the same, however old, sparse or long the list is, and however deep it is.

A page without ``skip`` is one query of each write shard. ``skip`` first passes over whole months, hours and minutes by
their counts: the months of a list are in one item, with an attribute for each (``2026-11``), the hours of a month in
another one, with an attribute for each day and hour (``2206``), and the minutes of an hour in a third one (``07``).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sitewatch import clock
from sitewatch.partitions import Piece
from sitewatch.tables import MAX_REQUESTS, query_page

MAX_READ = 1001
"""The most items that a query reads: a page, and the one that shows that there are more."""

MAX_SKIPPED = 5_000
"""The most items that a query reads to skip them; often it ends earlier, at 1 MB."""

FEW = 20
"""So many items are skipped by reading them, which costs as much as reading counts."""

MONTHS = "months"
HOURS = "hours"
MINUTES = "minutes"
ALL = "all"

END = "~"
"""Sorts after every time."""

MONTH, HOUR, MINUTE = len("2026-11"), len("2026-11-22T06"), len("2026-11-22T06:07")
"""The lengths of the names of periods."""

# What makes a period's name the position at its edge, before or after all ids; by whether the list is newest first.
_EDGE = {True: "-01T00:00:00.000000Z#!", False: "-31T23:59:59.999999Z#~"}


class Timeline(Protocol):
    """A list by time, of one index."""

    newest_first: bool
    shards: int
    is_filtered: bool
    """Whether some of the items that are read do not belong to the list, so that its counts do not help."""
    counted_to: int
    """The finest periods that are counted: ``MONTH``, ``HOUR`` or ``MINUTE``."""

    def read(self, lowest: str, highest: str, limit: int, *, positions_only: bool) -> Piece:
        """One query of each shard for about ``limit`` positions between two (inclusive)."""

    def counts(self, period: str) -> Mapping[str, int]:
        """The number of its items in each month (of the period ``""``), hour of a month, or minute of an hour.

        Hours and minutes may be counted of some items only, so they may add up to less than their month or hour.
        """


@dataclass(frozen=True, slots=True)
class Resume:
    """Where the next page starts: after the position ``after``, skipping ``skip`` more."""

    after: str
    skip: int


def month_of(time: datetime) -> str:
    """The attribute of a month: ``2026-11``."""
    return clock.sortable(time)[:MONTH]


def hour_of(time: datetime) -> str:
    """The attribute of an hour in the item of its month: ``2206``."""
    text = clock.sortable(time)
    return text[8:10] + text[11:13]


def whole_hour_of(time: datetime) -> str:
    """The hour with its date, ``2026-11-22T06``, whose item has the minutes."""
    return clock.sortable(time)[:HOUR]


def minute_of(time: datetime) -> str:
    """The attribute of a minute in the item of its hour: ``07``."""
    return clock.sortable(time)[HOUR + 1 : MINUTE]


def counts_in(item: Mapping[str, Any]) -> Mapping[str, int]:
    """The counts in an item: its attributes that are named after a time."""
    return {name: int(value["N"]) for name, value in item.items() if name[0].isdigit()}


def read_counts(record: type[Any], counter: str, value: str) -> Mapping[str, int]:
    """The counts in the item with a counter and a value, of a table of counts.

    If ``value`` is the current month or hour, they are read consistently. Others do not change now. These, if they were
    older than those of the months, would add up to less than their month: then a page would read what it can skip.
    """
    is_current = clock.sortable(clock.now()).startswith(value)
    query = record.query(counter, record.value == value, limit=1, consistent_read=is_current)
    found = query_page(query)["Items"]
    return counts_in(found[0]) if found else {}


def page(
    timeline: Timeline,
    since: datetime | None,
    until: datetime | None,
    *,
    skip: int,
    after: str | None,
    limit: int,
) -> tuple[list[dict[str, Any]], Resume | None]:
    """Up to ``limit`` items between two times (both inclusive), and where to resume if there are more.

    A page has fewer items, and a place to resume, if ``MAX_REQUESTS`` do not fill it.

    Parameters
    ----------
    skip
        How many to skip.
    after
        The position to resume after (exclusive); ``None`` for the first page.

    """
    lowest = clock.sortable(since) if since else "0"
    highest = clock.sortable(until) + END if until else END
    reader = _Reader(timeline, lowest, highest, skip)
    if after is not None:
        reader.move_after(_period_of(after, newest_first=timeline.newest_first))
    if reader.skip > FEW and not timeline.is_filtered and not reader.is_empty:
        reader.skip_periods()
    return reader.page(limit)


class _Reader:
    """The part of a timeline that is left, and how many of its items to skip."""

    def __init__(self, timeline: Timeline, lowest: str, highest: str, skip: int) -> None:
        self.timeline, self.lowest, self.highest, self.skip = timeline, lowest, highest, skip
        self.requests = 0
        self.last: str | None = None
        """The position or period that it has passed last."""

    @property
    def is_empty(self) -> bool:
        return self.lowest > self.highest  # DynamoDB refuses such a query.

    @property
    def has_requests(self) -> bool:
        return self.requests + self.timeline.shards <= MAX_REQUESTS

    def move_after(self, passed: str) -> None:
        """Leave out everything up to ``passed``: the position of an item, or a period."""
        if self.timeline.newest_first:
            self.highest = min(self.highest, passed)
        else:
            self.lowest = max(self.lowest, passed + END if len(passed) <= MINUTE else passed)
        self.last = passed

    def skip_periods(self) -> None:
        """Skip whole periods by their counts."""
        edge = self.highest if self.timeline.newest_first else self.lowest
        finest = self.timeline.counted_to
        is_inside = len(edge) > finest + 1
        if not is_inside or self._finish(edge[:finest]):
            self._skip_within("", 0)

    def _skip_within(self, period: str, total: int) -> bool:
        """Skip whole parts of a period with ``total`` items by their counts; whether none of it is left."""
        self.requests += 1
        counts = sorted(self.timeline.counts(period).items(), reverse=self.timeline.newest_first)
        if sum(count for _, count in counts) < total:
            return self._finish(period)  # Not all of its items are counted by part.
        parts = [(_part(period, name), count) for name, count in counts if count > 0]
        while (stopped := self._skip_whole(parts)) is not None:
            is_read = len(stopped[0]) == self.timeline.counted_to or self.skip <= FEW
            if is_read or not self.has_requests or not self._skip_within(*stopped):
                return False
            # That was the rest of the part that reading begins in.
        if period:
            self.move_after(period)
        return True

    def _finish(self, period: str) -> bool:
        """Skip the rest of the period that reading begins in, by reading it; whether it ends before ``skip`` does."""
        rest = _Reader(self.timeline, max(self.lowest, period), min(self.highest, period + END), self.skip)
        rest.last, rest.requests = self.last, self.requests
        more = not rest.is_empty
        while more and rest.skip and rest.has_requests:
            more = rest.pass_over()
        self.skip, self.requests = rest.skip, rest.requests
        if more:
            if rest.last is not None:
                self.move_after(rest.last)
            return False
        self.move_after(period)
        return self.skip > 0

    def _skip_whole(self, periods: Iterable[tuple[str, int]]) -> tuple[str, int] | None:
        """Skip periods as long as they are whole and have at most ``skip`` items. Return the one where it stops."""
        for name, count in periods:
            if name >= self.highest or name + END <= self.lowest:
                continue
            if name < self.lowest or name + END > self.highest or count > self.skip:
                return name, count
            self.skip -= count
            self.move_after(name)
        return None

    def page(self, limit: int) -> tuple[list[dict[str, Any]], Resume | None]:
        """The next ``limit`` items, and where to resume."""
        found: list[dict[str, Any]] = []
        more = not self.is_empty
        while more:
            if not self.has_requests:
                return found, self._resume()
            if self.skip > MAX_READ - limit - 1:
                more = self.pass_over()
                continue
            skips = self.skip
            items, end = self._read(skips + limit + 1 - len(found), positions_only=False)
            self.skip -= len(items[:skips])
            found += items[skips:]
            if len(found) > limit:
                return found[:limit], Resume(_position(found[limit - 1]), 0)
            more = self._move_to(end)
            if more and not skips:
                return found, self._resume()
        return found, None

    def pass_over(self) -> bool:
        """Skip items by reading them, in one query of each shard; whether there may be more."""
        items, end = self._read(min(self.skip, MAX_SKIPPED), positions_only=True)
        if len(items) >= self.skip:
            end = _position(items[self.skip - 1])
        self.skip -= len(items[: self.skip])
        return self._move_to(end)

    def _read(self, limit: int, *, positions_only: bool) -> tuple[list[dict[str, Any]], str | None]:
        """The next items, and the position at which they end, if there may be more."""
        self.requests += self.timeline.shards
        # The item that it has passed last is read once more.
        limit = MAX_READ if self.timeline.is_filtered else limit + (self.last is not None)
        piece = self.timeline.read(self.lowest, self.highest, limit, positions_only=positions_only)
        return [item for item in piece.items if _position(item) != self.last], piece.end

    def _move_to(self, end: str | None) -> bool:
        if end is not None:
            self.move_after(end)
        return end is not None

    def _resume(self) -> Resume:
        after = self.last or ""  # never empty: what has been read is never nothing
        if len(after) <= MINUTE:
            after += _EDGE[self.timeline.newest_first][len(after) - MONTH :]
        return Resume(after, self.skip)


def _part(period: str, name: str) -> str:
    """The part of a period whose count has the attribute ``name``."""
    match len(period):
        case 0:
            return name
        case n if n == MONTH:
            return f"{period}-{name[:2]}T{name[2:]}"
        case _:
            return f"{period}:{name}"


def _position(item: Mapping[str, Any]) -> str:
    return str(item["position"]["S"])


def _period_of(after: str, *, newest_first: bool) -> str:
    """The coarsest period at whose edge a position is; every other position stays as it is."""
    for length in (MONTH, HOUR, MINUTE):
        if after[length:] == _EDGE[newest_first][length - MONTH :]:
            return after[:length]
    return after
