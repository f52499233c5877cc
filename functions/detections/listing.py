"""List detections newest first, at the same cost for every page."""

import heapq
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from detections import partitions
from detections.counting import hours_of
from detections.model import CountRecord, DetectionRecord
from sitewatch import clock

_FIRST_HOUR = ""
_END = "~"
"""Sorts behind every time."""
_MOST_READ_AHEAD = 1000


@dataclass(frozen=True, slots=True)
class Selection:
    """Which detections: of a make, of a category, between two times (both inclusive)."""

    make: str | None = None
    category: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def newest_first(
    selection: Selection, *, skip: int, before: str | None, page_size: int
) -> Iterator[DetectionRecord]:
    """The detections of ``selection``, newest first.

    Parameters
    ----------
    skip
        How many to pass over. Whole hours are passed over by their counts, unread.
    before
        The position to go on behind (exclusive), where it is not the start.
    page_size
        How many the caller is likely to take: what is read ahead follows it.
    """
    lowest = clock.sortable(selection.since) if selection.since else _FIRST_HOUR
    highest = before or (clock.sortable(selection.until) + _END if selection.until else _END)
    hours = _hours(selection, lowest, highest)
    for hour, total in hours:
        whole = lowest <= hour and highest > hour + _END
        if skip >= total and whole:
            skip -= total
            continue
        older = itertools.chain([hour], (name for name, _ in hours))
        highest = min(highest, hour + _END)
        found = (
            detection
            for month, _ in itertools.groupby(older, key=lambda name: name[: len("2026-11")])
            for detection in _in_month(selection, month, lowest, highest, page_size + skip)
        )
        yield from itertools.islice(found, skip, None)
        return


def _hours(selection: Selection, lowest: str, highest: str) -> Iterator[tuple[str, int]]:
    """The hours that have any, newest first, and how many."""
    width = len("2026-11-22T06")
    found = CountRecord.query(
        hours_of(selection.make, selection.category),
        CountRecord.value.between(lowest[:width] or "0", highest[:width]),
        scan_index_forward=False,
    )
    return ((count.value, int(count.total)) for count in found if count.total > 0)


def _in_month(
    selection: Selection, month: str, lowest: str, highest: str, wanted: int
) -> Iterator[DetectionRecord]:
    """The detections of a month, newest first, merged from its write shards."""
    # Each shard has about its share of what is wanted, and a little more or less.
    page_size = min(wanted // partitions.WRITE_SHARDS + 10, _MOST_READ_AHEAD)
    shards = [
        _in_partition(selection, month, shard, lowest, highest, page_size)
        for shard in range(partitions.WRITE_SHARDS)
    ]
    return heapq.merge(*shards, key=lambda detection: str(detection.position), reverse=True)


def _in_partition(
    selection: Selection, month: str, shard: int, lowest: str, highest: str, page_size: int
) -> Iterator[DetectionRecord]:
    if selection.make is not None:
        index, value = DetectionRecord.by_make, selection.make
    elif selection.category is not None:
        index, value = DetectionRecord.by_category, selection.category
    else:
        index, value = DetectionRecord.by_time, ""
    both = selection.make is not None and selection.category is not None
    found = index.query(
        partitions.partition(month, shard, value),
        DetectionRecord.position.between(lowest or "0", highest),
        DetectionRecord.category == selection.category if both else None,
        scan_index_forward=False,
        # With a filter, a page is counted before it: leave its size to the table.
        page_size=None if both else page_size,
    )
    return (detection for detection in found if detection.position < highest)
