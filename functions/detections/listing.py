"""List detections newest first, at the same cost for every page."""

import heapq
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from detections import partitions
from detections.counting import hours_of
from detections.model import (
    CountRecord,
    DetectionRecord,
    DetectionsByCategory,
    DetectionsByMake,
    DetectionsByTime,
)
from sitewatch import clock

MOST_EXAMINED = 10_000
"""Detections that one request reads at most; a page that finds too few among them ends there."""

_END = "~"
"""Sorts behind every time."""

_MOST_READ_AHEAD = 1000
_HOUR_LENGTH = len("2026-11-22T06")
_MONTH_LENGTH = len("2026-11")


@dataclass(frozen=True, slots=True)
class Selection:
    """Which detections: of a make, of a category, between two times (both inclusive)."""

    make: str | None = None
    category: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def is_by_both(self) -> bool:
        """Whether it names a make and a category: it is read by make, and the others are passed over."""
        return self.make is not None and self.category is not None

    def has(self, detection: DetectionRecord) -> bool:
        """Whether a detection that was read for this selection is in it."""
        return self.category is None or detection.category == self.category


@dataclass(frozen=True, slots=True)
class Resume:
    """Where the next page begins: behind ``before``, after passing over ``skip`` more."""

    before: str
    skip: int


def page(
    selection: Selection, *, skip: int, before: str | None, limit: int
) -> tuple[list[DetectionRecord], Resume | None]:
    """Up to ``limit`` detections of ``selection``, newest first, and where to go on, if there are more.

    Parameters
    ----------
    skip
        How many to pass over. Whole hours are passed over by their counts, unread.
    before
        The position to go on behind (exclusive), where it is not the start.

    """
    found: list[DetectionRecord] = []
    candidates, skip = _candidates(selection, skip, before, wanted=limit + 1)
    for examined, detection in enumerate(candidates, start=1):
        if selection.has(detection):
            if skip:
                skip -= 1
            elif len(found) == limit:
                return found, Resume(found[-1].position, 0)
            else:
                found.append(detection)
        if examined == MOST_EXAMINED:
            return found, Resume(detection.position, skip)
    return found, None


def _candidates(
    selection: Selection, skip: int, before: str | None, wanted: int
) -> tuple[Iterator[DetectionRecord], int]:
    """The detections to look at, newest first, and how many of them are still to be passed over."""
    lowest = clock.sortable(selection.since) if selection.since else "0"
    highest = min(before or _END, clock.sortable(selection.until) + _END if selection.until else _END)
    if lowest > highest:  # a question that DynamoDB refuses to be asked
        return iter(()), skip
    hours = _hours(selection, lowest, highest)
    for hour, total in hours:
        is_whole = lowest <= hour and highest > hour + _END
        if skip >= total and is_whole and not selection.is_by_both:
            skip -= total
            continue
        older = itertools.chain([hour], (name for name, _ in hours))
        return _from_months(selection, older, lowest, min(highest, hour + _END), wanted + skip), skip
    return iter(()), skip


def _hours(selection: Selection, lowest: str, highest: str) -> Iterator[tuple[str, int]]:
    """The hours that have any, newest first, and how many."""
    counts = CountRecord.query(
        hours_of(make=selection.make, category=selection.category),
        CountRecord.value.between(lowest[:_HOUR_LENGTH], highest[:_HOUR_LENGTH]),
        scan_index_forward=False,
    )
    return ((count.value, int(count.total)) for count in counts if count.total > 0)


def _from_months(
    selection: Selection, hours: Iterator[str], lowest: str, highest: str, wanted: int
) -> Iterator[DetectionRecord]:
    for month, _ in itertools.groupby(hours, key=lambda hour: hour[:_MONTH_LENGTH]):
        yield from _in_month(selection, month, lowest, highest, wanted)


def _in_month(selection: Selection, month: str, lowest: str, highest: str, wanted: int) -> Iterator[DetectionRecord]:
    """The detections of a month, newest first, merged from its write shards."""
    # Each shard has about its share of what is wanted, and a little more or less.
    page_size = min(wanted // partitions.WRITE_SHARDS + 10, _MOST_READ_AHEAD)
    shards = [
        _in_partition(selection, month, shard, lowest, highest, page_size) for shard in range(partitions.WRITE_SHARDS)
    ]
    return heapq.merge(*shards, key=lambda detection: str(detection.position), reverse=True)


def _in_partition(
    selection: Selection, month: str, shard: int, lowest: str, highest: str, page_size: int
) -> Iterator[DetectionRecord]:
    index: DetectionsByTime | DetectionsByMake | DetectionsByCategory = DetectionRecord.by_time
    value = ""
    if selection.make is not None:
        index, value = DetectionRecord.by_make, selection.make
    elif selection.category is not None:
        index, value = DetectionRecord.by_category, selection.category
    found = index.query(
        partitions.partition(month, shard, value),
        DetectionRecord.position.between(lowest, highest),
        scan_index_forward=False,
        page_size=page_size,
    )
    return (detection for detection in found if detection.position < highest)
