"""List detections newest first, at the same cost for every page."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import reduce
from operator import and_
from typing import Any

from pynamodb.attributes import UnicodeAttribute
from pynamodb.expressions.condition import Condition
from pynamodb.indexes import GlobalSecondaryIndex
from pynamodb.pagination import ResultIterator

from detections import counts
from detections.model import DetectionRecord
from sitewatch import partitions, settings, timeline
from sitewatch.names import fold
from sitewatch.partitions import Piece, partition, share
from sitewatch.timeline import Resume

_INDEXES: Mapping[str, GlobalSecondaryIndex[DetectionRecord]] = {
    "": DetectionRecord.by_time,
    "make": DetectionRecord.by_make,
    "source": DetectionRecord.by_source,
    "category": DetectionRecord.by_category,
}
_PARTITIONS: Mapping[str, UnicodeAttribute] = {
    "make": DetectionRecord.make_partition,
    "source": DetectionRecord.source_partition,
    "category": DetectionRecord.category_partition,
}


@dataclass(frozen=True, slots=True)
class Selection:
    """Which detections to list: with these values of some fields, between two times (both inclusive).

    ``values`` has the wanted make, source and category, by the name of the field. Detections are read by the first of
    them; DynamoDB filters them by the others.
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


class _Detections(timeline.Timeline):
    """The detections with some values, newest first."""

    newest_first = True
    shards = settings.integer("DETECTION_WRITE_SHARDS")
    counted_to = timeline.MINUTE

    def __init__(self, values: Mapping[str, str]) -> None:
        self._read_by, *self._filters = values.items() or [("", "")]
        self.is_filtered = bool(self._filters)

    def read(self, lowest: str, highest: str, limit: int, *, positions_only: bool) -> Piece:
        name, value = self._read_by

        def query(shard: int) -> ResultIterator[Any]:
            # bounded: one page is read
            return _INDEXES[name].query(
                partition(shard, value),
                DetectionRecord.position.between(lowest, highest),
                self._filter(shard),
                scan_index_forward=False,
                page_size=limit if self.is_filtered else share(limit, self.shards),
                attributes_to_get=["position"] if positions_only else None,
            )

        return partitions.read(query, self.shards, "position", newest_first=True)

    def _filter(self, shard: int) -> Condition | None:
        conditions = [_PARTITIONS[name] == partition(shard, value) for name, value in self._filters]
        return reduce(and_, conditions) if conditions else None

    def counts(self, period: str) -> Mapping[str, int]:
        if not period:
            return counts.months(*self._read_by)
        read = counts.hours if len(period) == timeline.MONTH else counts.minutes
        return read(period, *self._read_by)


def page(
    selection: Selection, *, skip: int, before: str | None, limit: int
) -> tuple[list[DetectionRecord], Resume | None]:
    """Up to ``limit`` detections of ``selection``, newest first, and where to resume if there are more.

    Parameters
    ----------
    skip
        How many to skip.
    before
        The position to resume after (exclusive); ``None`` for the first page.

    """
    found, resume = timeline.page(
        _Detections(selection.values), selection.since, selection.until, skip=skip, after=before, limit=limit
    )
    return [DetectionRecord.from_raw_data(item) for item in found], resume
