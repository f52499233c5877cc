"""Pages of lists by time: every page costs the same, however old, sparse or long the list is, and however deep it is.

A page without ``skip`` is one query of each write shard. ``skip`` first passes over whole months and hours by their
counts: the months of a list are in one item, with an attribute for each (``2026-11``), and the hours of a month in
another one, with an attribute for each day and hour (``2206``).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sitewatch import clock
from sitewatch.partitions import Piece
from sitewatch.tables import MAX_REQUESTS

MAX_READ = 1001
"""The most items that a query reads: a page, and the one that shows that there are more."""

MAX_SKIPPED = 5_000
"""The most items that a query reads to skip them; often it ends earlier, at 1 MB."""

MONTHS = "months"
HOURS = "hours"
ALL = "all"

END = "~"
"""Sorts after every time."""

_MONTH, _HOUR = len("2026-11"), len("2026-11-22T06")

# The position at the edge of a month and an hour, before or after all ids; by whether the list is newest first.
_MONTH_EDGE = {True: "-01T00", False: "-31T23"}
_HOUR_EDGE = {True: ":00:00.000000Z#!", False: ":59:59.999999Z#~"}


class Timeline(Protocol):
    """A list by time, of one index."""

    newest_first: bool
    shards: int
    is_filtered: bool
    """Whether some of the items that are read do not belong to the list, so that its counts do not help."""
    has_hours: bool
    """Whether its hours are counted, as well as its months."""

    def read(self, lowest: str, highest: str, limit: int, *, positions_only: bool) -> Piece:
        """One query of each shard for about ``limit`` positions between two (inclusive)."""

    def months(self) -> Mapping[str, int]:
        """The number of its items in each month."""

    def hours(self, month: str) -> Mapping[str, int]:
        """The number of its items in each day and hour of a month."""


@dataclass(frozen=True, slots=True)
class Resume:
    """Where the next page starts: after the position ``after``, skipping ``skip`` more."""

    after: str
    skip: int


def month_of(time: datetime) -> str:
    """The attribute of a month: ``2026-11``."""
    return clock.sortable(time)[:_MONTH]


def hour_of(time: datetime) -> str:
    """The attribute of an hour in the item of its month: ``2206``."""
    text = clock.sortable(time)
    return text[8:10] + text[11:13]


def counts_in(item: Mapping[str, Any]) -> Mapping[str, int]:
    """The counts in an item: its attributes that are named after a time."""
    return {name: int(value["N"]) for name, value in item.items() if name[0].isdigit()}


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
    if reader.skip and not timeline.is_filtered and not reader.is_empty:
        reader.skip_periods()
    return reader.page(limit)


class _Reader:
    """The part of a timeline that is left, and how many of its items to skip."""

    def __init__(self, timeline: Timeline, lowest: str, highest: str, skip: int) -> None:
        self.timeline, self.lowest, self.highest, self.skip = timeline, lowest, highest, skip
        self.requests = 0
        self.last: str | None = None
        """The position, month or hour that it has passed last."""

    @property
    def is_empty(self) -> bool:
        return self.lowest > self.highest  # DynamoDB refuses such a query.

    @property
    def has_requests(self) -> bool:
        return self.requests + self.timeline.shards <= MAX_REQUESTS

    def move_after(self, passed: str) -> None:
        """Leave out everything up to ``passed``: the position of an item, or a month or an hour."""
        if self.timeline.newest_first:
            self.highest = min(self.highest, passed)
        else:
            self.lowest = max(self.lowest, passed + END if len(passed) <= _HOUR else passed)
        self.last = passed

    def skip_periods(self) -> None:
        """Skip whole months and hours by their counts."""
        edge = self.highest if self.timeline.newest_first else self.lowest
        length = _HOUR if self.timeline.has_hours else _MONTH
        is_inside = len(edge) > length + 1
        if is_inside and not self._finish(edge[:length]):
            return
        months = self._counted(self.timeline.months())
        month = self._skip_whole(months)
        if month is not None and self.timeline.has_hours and self._skip_hours(month):
            # That was the rest of the month that reading begins in.
            month = self._skip_whole(months)
            if month is not None:
                self._skip_hours(month)

    def _finish(self, period: str) -> bool:
        """Skip the rest of the period that reading begins in, by reading it; whether it ends before ``skip`` does."""
        rest = _Reader(self.timeline, max(self.lowest, period), min(self.highest, period + END), self.skip)
        rest.last = self.last
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

    def _skip_hours(self, month: str) -> bool:
        """Skip whole hours of a month; whether none of them is left."""
        hours = self._counted(self.timeline.hours(month))
        stopped = self._skip_whole((f"{month}-{name[:2]}T{name[2:]}", count) for name, count in hours)
        if stopped is None:
            self.move_after(month)
        return stopped is None

    def _counted(self, counts: Mapping[str, int]) -> list[tuple[str, int]]:
        self.requests += 1
        counted = [(name, count) for name, count in counts.items() if count > 0]
        return sorted(counted, reverse=self.timeline.newest_first)

    def _skip_whole(self, periods: Iterable[tuple[str, int]]) -> str | None:
        """Skip periods as long as they are whole and have at most ``skip`` items. Return the one where it stops."""
        for name, count in periods:
            if name >= self.highest or name + END <= self.lowest:
                continue
            if name < self.lowest or name + END > self.highest or count > self.skip:
                return name
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
        newest_first = self.timeline.newest_first
        after = self.last or ""  # never empty: what has been read is never nothing
        if len(after) == _MONTH:
            after += _MONTH_EDGE[newest_first]
        return Resume(after + _HOUR_EDGE[newest_first] if len(after) == _HOUR else after, self.skip)


def _position(item: Mapping[str, Any]) -> str:
    return str(item["position"]["S"])


def _period_of(after: str, *, newest_first: bool) -> str:
    """The month or hour at whose edge a position is; every other position stays as it is."""
    return after.removesuffix(_HOUR_EDGE[newest_first]).removesuffix(_MONTH_EDGE[newest_first])
