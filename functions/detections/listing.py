"""List detections newest first, at the same cost for every page."""

import heapq
import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pynamodb.indexes import GlobalSecondaryIndex

from detections.counts import hours_counter
from detections.model import CountRecord, DetectionRecord
from sitewatch import clock, settings
from sitewatch.names import fold
from sitewatch.partitions import page_size, partition

MAX_EXAMINED = 10_000
"""The most detections that one request reads; the page ends there, even if it is not full."""

_END = "~"
"""Sorts after every time."""

_HOUR_LENGTH = len("2026-11-22T06")
_MONTH_LENGTH = len("2026-11")
_WRITE_SHARDS = settings.integer("DETECTION_WRITE_SHARDS")

_INDEXES: Mapping[str, GlobalSecondaryIndex[DetectionRecord]] = {
    "": DetectionRecord.by_time,
    "make": DetectionRecord.by_make,
    "source": DetectionRecord.by_source,
    "category": DetectionRecord.by_category,
}
_VALUES: Mapping[str, Callable[[DetectionRecord], str]] = {
    "make": lambda detection: fold(detection.make),
    "source": lambda detection: detection.source,
    "category": lambda detection: fold(detection.category),
}


@dataclass(frozen=True, slots=True)
class Selection:
    """Which detections to list: with these values of some fields, between two times (both inclusive).

    ``values`` has the wanted make, source and category, by the name of the field. Detections are read by the first of
    them and filtered by the others.
    """

    values: Mapping[str, str] = field(default_factory=dict)
    since: datetime | None = None
    until: datetime | None = None

    @classmethod
    def of(
        cls,
        *,
        make: str | None,
        source: str | None,
        category: str | None,
        since: datetime | None,
        until: datetime | None,
    ) -> "Selection":
        values = {"make": make and fold(make), "source": source, "category": category and fold(category)}
        return cls({name: value for name, value in values.items() if value is not None}, since, until)

    @property
    def read_by(self) -> tuple[str, str]:
        """The field, and its value, whose index and counts are read; both empty for all detections."""
        return next(iter(self.values.items()), ("", ""))

    @property
    def is_filtered(self) -> bool:
        """Whether some of the detections that are read do not belong to it."""
        return len(self.values) > 1

    def includes(self, detection: DetectionRecord) -> bool:
        """Whether a detection that was read for this selection belongs to it."""
        return not self.is_filtered or all(_VALUES[name](detection) == value for name, value in self.values.items())


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
        if skip >= total and is_whole and not selection.is_filtered:
            skip -= total
            continue
        older = itertools.chain([hour], (name for name, _ in hours))
        return _from_months(selection, older, lowest, min(highest, hour + _END), wanted + skip), skip
    return iter(()), skip


def _hours(selection: Selection, lowest: str, highest: str) -> Iterator[tuple[str, int]]:
    """The hours that have detections, newest first, and how many each has."""
    # bounded: by the hours with detections; the caller reads up to its page's last
    counts = CountRecord.query(
        hours_counter(*selection.read_by),
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
    name, value = selection.read_by
    # bounded: by MAX_EXAMINED
    found = _INDEXES[name].query(
        partition(month, shard, value),
        DetectionRecord.position.between(lowest, highest),
        scan_index_forward=False,
        page_size=page_size(wanted, _WRITE_SHARDS),
    )
    return (detection for detection in found if detection.position < highest)
