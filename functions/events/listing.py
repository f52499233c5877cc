"""List events newest first, at the same cost for every page."""

from dataclasses import dataclass
from typing import Any

from pynamodb.pagination import ResultIterator

from events.model import EventRecord
from sitewatch import partitions, settings
from sitewatch.partitions import partition, share
from sitewatch.timeline import MAX_READ

_WRITE_SHARDS = settings.integer("EVENT_WRITE_SHARDS")


@dataclass(frozen=True, slots=True)
class Filters:
    """What to list: the events of one type, of one source, of both, or all of them."""

    event_type: str | None = None
    source: str | None = None

    def newest(self, shard: int, before: str | None, limit: int) -> ResultIterator[EventRecord]:
        """The query of a shard. An index is by type or source; of both, DynamoDB filters those of a source by type."""
        index: Any = EventRecord.by_time
        key, filtered = "", None
        if self.source is not None:
            index, key = EventRecord.by_source, self.source
            if self.event_type is not None:
                filtered, limit = EventRecord.event_type == self.event_type, MAX_READ
        elif self.event_type is not None:
            index, key = EventRecord.by_type, self.event_type
        # bounded: one page is read
        found: ResultIterator[EventRecord] = index.query(
            partition(shard, key),
            EventRecord.id < before if before else None,
            filtered,
            scan_index_forward=False,
            page_size=limit,
        )
        return found


def page(filters: Filters, before: str | None, limit: int) -> tuple[list[EventRecord], str | None]:
    """Up to ``limit`` events before the id ``before``, newest first, and the id to continue before, if there are more.

    A page is one query of each write shard. If few of a source's events are of the type, it ends early.
    """
    wanted = share(limit + 1, _WRITE_SHARDS)
    piece = partitions.read(lambda shard: filters.newest(shard, before, wanted), _WRITE_SHARDS, "id", newest_first=True)
    found = [EventRecord.from_raw_data(item) for item in piece.items[:limit]]
    return found, found[-1].id if len(piece.items) > limit else piece.end
