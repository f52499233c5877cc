"""List events newest first, at the same cost for every page."""

import heapq
from collections.abc import Iterator
from datetime import UTC, datetime

from events import months
from events.model import EventRecord
from sitewatch import ids, settings
from sitewatch.partitions import page_size, partition

_WRITE_SHARDS = settings.integer("EVENT_WRITE_SHARDS")


def newest_first(event_type: str | None, before: str | None, wanted: int) -> Iterator[EventRecord]:
    """The events (of one type, or all), newest first.

    Parameters
    ----------
    before
        The id to start after (exclusive); ``None`` for the first page.
    wanted
        How many the caller will read. It sets the size of the queries, not the end of the iterator.

    """
    for month in months.newest_first(event_type):
        if before is None or ids.min_id(_start_of(month)) < before:
            shards = [_in_shard(month, shard, event_type, before, wanted) for shard in range(_WRITE_SHARDS)]
            yield from heapq.merge(*shards, key=lambda event: str(event.id), reverse=True)


def _in_shard(month: str, shard: int, event_type: str | None, before: str | None, wanted: int) -> Iterator[EventRecord]:
    index = EventRecord.by_time if event_type is None else EventRecord.by_type
    # bounded: by the caller, which reads its page only
    return index.query(
        partition(month, shard, event_type or ""),
        EventRecord.id < before if before else None,
        scan_index_forward=False,
        page_size=page_size(wanted, _WRITE_SHARDS),
    )


def _start_of(month: str) -> datetime:
    return datetime.fromisoformat(f"{month}-01").replace(tzinfo=UTC)
