"""List events newest first, at the same cost for every page."""

import heapq
from collections.abc import Iterator
from datetime import UTC, datetime

from events import partitions
from events.model import EventRecord
from sitewatch import ids

_MOST_READ_AHEAD = 1000


def newest_first(event_type: str | None, before: str | None, wanted: int) -> Iterator[EventRecord]:
    """The events, or those of a type, newest first, from behind the id ``before``; ``wanted`` of them will be read."""
    # Each shard has about its share of what is wanted, and a little more or less.
    page_size = min(wanted // partitions.WRITE_SHARDS + 10, _MOST_READ_AHEAD)
    for month in partitions.months(event_type):
        if before is None or ids.least_id(_beginning(month)) < before:
            shards = [
                _in_partition(month, shard, event_type, before, page_size) for shard in range(partitions.WRITE_SHARDS)
            ]
            yield from heapq.merge(*shards, key=lambda event: str(event.id), reverse=True)


def _in_partition(
    month: str, shard: int, event_type: str | None, before: str | None, page_size: int
) -> Iterator[EventRecord]:
    index = EventRecord.by_time if event_type is None else EventRecord.by_type
    return index.query(
        partitions.partition(month, shard, event_type or ""),
        EventRecord.id < before if before else None,
        scan_index_forward=False,
        page_size=page_size,
    )


def _beginning(month: str) -> datetime:
    return datetime.fromisoformat(f"{month}-01").replace(tzinfo=UTC)
