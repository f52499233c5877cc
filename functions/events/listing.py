"""List events newest first, at the same cost for every page."""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from events import months
from events.model import EventRecord
from sitewatch import ids, settings
from sitewatch.partitions import page_size, partition

_WRITE_SHARDS = settings.integer("EVENT_WRITE_SHARDS")
_MAX_READ = 10_000


@dataclass(frozen=True, slots=True)
class Filters:
    """What to list: the events of one type, of one source, of both, or all of them."""

    event_type: str | None = None
    source: str | None = None

    def partition(self, month: str, shard: int) -> tuple[Any, str]:
        """The index to read, and its partition. An index is by one of the two; ``page`` then filters by the other."""
        if self.source is not None:
            return EventRecord.by_source, partition(month, shard, self.source)
        if self.event_type is not None:
            return EventRecord.by_type, partition(month, shard, self.event_type)
        return EventRecord.by_time, partition(month, shard)

    def months_id(self) -> str:
        """The id of the record of the months that may have such events."""
        if self.source is not None:
            return months.id_of_source(self.source)
        return months.ALL if self.event_type is None else months.id_of_type(self.event_type)


def page(filters: Filters, before: str | None, limit: int) -> tuple[list[EventRecord], str | None]:
    """Up to ``limit`` events before the id ``before``, newest first, and the id to continue before, if there are more.

    A page reads at most 10,000 events. If few of a source's events are of the type, it ends early.
    """
    found: list[EventRecord] = []
    last = None
    for number, event in enumerate(_newest_first(filters, before, limit + 1)):
        if len(found) == limit or number == _MAX_READ:
            return found, last
        last = str(event.id)
        if filters.event_type in (None, event.event_type):
            found.append(event)
    return found, None


def _newest_first(filters: Filters, before: str | None, wanted: int) -> Iterator[EventRecord]:
    for month in months.newest_first(filters.months_id()):
        if before is None or ids.min_id(_start_of(month)) < before:
            shards = [_in_shard(filters, month, shard, before, wanted) for shard in range(_WRITE_SHARDS)]
            yield from heapq.merge(*shards, key=lambda event: str(event.id), reverse=True)


def _in_shard(filters: Filters, month: str, shard: int, before: str | None, wanted: int) -> Iterator[EventRecord]:
    index, key = filters.partition(month, shard)
    # bounded: by the caller, which reads its page only
    found: Iterator[EventRecord] = index.query(
        key,
        EventRecord.id < before if before else None,
        scan_index_forward=False,
        page_size=page_size(wanted, _WRITE_SHARDS),
    )
    return found


def _start_of(month: str) -> datetime:
    return datetime.fromisoformat(f"{month}-01").replace(tzinfo=UTC)
