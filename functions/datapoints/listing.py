"""List data points, oldest first. Every page costs the same."""

import heapq
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from datapoints.model import DataPointRecord, DayRecord, Kind, day_partition
from sitewatch import clock

_END = "~"
"""Sorts after every time."""

_DAY_LENGTH = len("2026-11-22")


@dataclass(frozen=True, slots=True)
class Selection:
    """The points of some kinds between two times (both inclusive)."""

    kinds: Sequence[Kind]
    since: datetime | None = None
    until: datetime | None = None


def page(selection: Selection, *, skip: int, after: str | None, limit: int) -> tuple[list[DataPointRecord], str | None]:
    """Return up to ``limit`` points of ``selection``, oldest first, and the next page's ``after`` if there is one.

    Parameters
    ----------
    skip
        How many points to skip. Whole days are skipped by their counts, without reading their points.
    after
        The position after which the page starts (exclusive).

    """
    lowest = after + _END if after else clock.sortable(selection.since) if selection.since else "0"
    highest = clock.sortable(selection.until) + _END if selection.until else _END
    if lowest > highest:
        return [], None
    days = _days(selection.kinds, lowest, highest)
    for day, total in days:
        is_whole = lowest <= day and highest > day + _END
        if is_whole and skip >= total:
            skip -= total
            continue
        newer = itertools.chain([day], (name for name, _ in days))
        points = _from_days(selection.kinds, newer, lowest, highest, page_size=min(skip + limit + 1, 1000))
        found = list(itertools.islice(points, skip, skip + limit + 1))
        return found[:limit], found[limit - 1].position if len(found) > limit else None
    return [], None


def _days(kinds: Sequence[Kind], lowest: str, highest: str) -> Iterator[tuple[str, int]]:
    """Yield each day that has points, oldest first, with their number."""
    counts = [
        # bounded: by the days since the first point; the caller reads up to its page's last
        DayRecord.query(kind, DayRecord.day.between(lowest[:_DAY_LENGTH], highest[:_DAY_LENGTH]))
        for kind in kinds
    ]
    merged = heapq.merge(*counts, key=lambda count: str(count.day))
    for day, same_day in itertools.groupby(merged, key=lambda count: str(count.day)):
        yield day, sum(int(count.total) for count in same_day)


def _from_days(
    kinds: Sequence[Kind], days: Iterator[str], lowest: str, highest: str, page_size: int
) -> Iterator[DataPointRecord]:
    for day in days:
        of_kinds = [
            # bounded: by the caller, which reads its page and what it skips of one day
            DataPointRecord.by_time.query(
                day_partition(kind, day), DataPointRecord.position.between(lowest, highest), page_size=page_size
            )
            for kind in kinds
        ]
        yield from heapq.merge(*of_kinds, key=lambda point: str(point.position))
