"""List data points, oldest first. Every page costs the same."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pynamodb.pagination import ResultIterator

from datapoints.model import VALID, CountRecord, DataPointRecord
from sitewatch import partitions, timeline
from sitewatch.partitions import Piece
from sitewatch.timeline import ALL, MONTHS, Resume, read_counts


class _DataPoints(timeline.Timeline):
    """All data points, or the valid ones, oldest first."""

    newest_first = False
    shards = 1
    is_filtered = False
    counted_to = timeline.HOUR

    def __init__(self, *, only_valid: bool) -> None:
        self._list = VALID if only_valid else ALL
        self._index: Any = DataPointRecord.valid_by_time if only_valid else DataPointRecord.all_by_time

    def read(self, lowest: str, highest: str, limit: int, *, positions_only: bool) -> Piece:
        def query(_shard: int) -> ResultIterator[Any]:
            # bounded: one page is read
            found: ResultIterator[Any] = self._index.query(
                self._list,
                DataPointRecord.position.between(lowest, highest),
                page_size=limit,
                attributes_to_get=["position"] if positions_only else None,
            )
            return found

        return partitions.read(query, self.shards, "position", newest_first=False)

    def counts(self, period: str) -> Mapping[str, int]:
        return read_counts(CountRecord, self._list, period or MONTHS)


def page(
    since: datetime | None, until: datetime | None, *, only_valid: bool, skip: int, after: str | None, limit: int
) -> tuple[list[DataPointRecord], Resume | None]:
    """Up to ``limit`` points between two times (both inclusive), oldest first, and where to resume if there are more.

    Parameters
    ----------
    skip
        How many points to skip.
    after
        The position after which the page starts (exclusive).

    """
    found, resume = timeline.page(_DataPoints(only_valid=only_valid), since, until, skip=skip, after=after, limit=limit)
    return [DataPointRecord.from_raw_data(item) for item in found], resume
