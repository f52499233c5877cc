"""List detections newest first, at the same cost for every page."""

import heapq
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from detections.counts import hours_counter
from detections.model import (
    CountRecord,
    DetectionRecord,
    DetectionsByCategory,
    DetectionsByMake,
    DetectionsByTime,
)
from sitewatch import clock, settings
from sitewatch.partitions import page_size, partition

MAX_EXAMINED = 10_000
"""The most detections that one request reads; the page ends there, even if it is not full."""

_END = "~"
"""Sorts after every time."""

_HOUR_LENGTH = len("2026-11-22T06")
_MONTH_LENGTH = len("2026-11")
_WRITE_SHARDS = settings.integer("DETECTION_WRITE_SHARDS")


@dataclass(frozen=True, slots=True)
class Selection:
    """Which detections to list: of a make, of a category, between two times (both inclusive)."""

    make: str | None = None
    category: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def is_by_both(self) -> bool:
        """Whether it has a make and a category: then detections are read by make and filtered by category."""
        return self.make is not None and self.category is not None

    def includes(self, detection: DetectionRecord) -> bool:
        """Whether a detection that was read for this selection belongs to it."""
        return self.category is None or detection.category == self.category


@dataclass(frozen=True, slots=True)
class Resume:
    """Where the next page starts: after the position ``before``, skipping ``skip`` more."""

    before: str
    skip: int


def page(
    selection: Selection, *, skip: int, before: str | None, limit: int
) -> tuple[list[DetectionRecord], Resume | None]:
    """Up to ``limit`` detections of ``selection``, newest first, and where to resume if there are more.

    Parameters
    ----------
    skip
        How many to skip. Whole hours are skipped by their counts, without reading them.
    before
        The position to resume after (exclusive); ``None`` for the first page.

    """
    found: list[DetectionRecord] = []
    candidates, skip = _candidates(selection, skip, before, wanted=limit + 1)
    for examined, detection in enumerate(candidates, start=1):
        if selection.includes(detection):
            if skip:
                skip -= 1
            elif len(found) == limit:
                return found, Resume(found[-1].position, 0)
            else:
                found.append(detection)
        if examined == MAX_EXAMINED:
            return found, Resume(detection.position, skip)
    return found, None


def _candidates(
    selection: Selection, skip: int, before: str | None, wanted: int
) -> tuple[Iterator[DetectionRecord], int]:
    """The detections to examine, newest first, and how many of them remain to be skipped."""
    lowest = clock.sortable(selection.since) if selection.since else "0"
    highest = min(before or _END, clock.sortable(selection.until) + _END if selection.until else _END)
    if lowest > highest:  # DynamoDB refuses such a query.
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
    """The hours that have detections, newest first, and how many each has."""
    # bounded: by the hours with detections; the caller reads up to its page's last
    counts = CountRecord.query(
        hours_counter(make=selection.make, category=selection.category),
        CountRecord.value.between(lowest[:_HOUR_LENGTH], highest[:_HOUR_LENGTH]),
        scan_index_forward=False,
    )
    return ((count.value, int(count.total)) for count in counts if count.total > 0)


def _from_months(
    selection: Selection, hours: Iterator[str], lowest: str, highest: str, wanted: int
) -> Iterator[DetectionRecord]:
    for month, _ in itertools.groupby(hours, key=lambda hour: hour[:_MONTH_LENGTH]):
        shards = [_in_shard(selection, month, shard, lowest, highest, wanted) for shard in range(_WRITE_SHARDS)]
        yield from heapq.merge(*shards, key=lambda detection: str(detection.position), reverse=True)


def _in_shard(
    selection: Selection, month: str, shard: int, lowest: str, highest: str, wanted: int
) -> Iterator[DetectionRecord]:
    index: DetectionsByTime | DetectionsByMake | DetectionsByCategory = DetectionRecord.by_time
    value = ""
    if selection.make is not None:
        index, value = DetectionRecord.by_make, selection.make
    elif selection.category is not None:
        index, value = DetectionRecord.by_category, selection.category
    # bounded: by MAX_EXAMINED
    found = index.query(
        partition(month, shard, value),
        DetectionRecord.position.between(lowest, highest),
        scan_index_forward=False,
        page_size=page_size(wanted, _WRITE_SHARDS),
    )
    return (detection for detection in found if detection.position < highest)
