"""List events newest first, at the same cost for every page."""

from pynamodb.pagination import ResultIterator

from events.model import EventRecord
from sitewatch import partitions, settings
from sitewatch.partitions import partition, share

_WRITE_SHARDS = settings.integer("EVENT_WRITE_SHARDS")


def newest_first(event_type: str | None, before: str | None, limit: int) -> tuple[list[EventRecord], str | None]:
    """Up to ``limit`` events (of one type, or all), newest first, and the ``before`` of the next page, if there is one.

    Parameters
    ----------
    before
        The id to start after (exclusive); ``None`` for the first page.

    """
    index = EventRecord.by_time if event_type is None else EventRecord.by_type

    def query(shard: int) -> ResultIterator[EventRecord]:
        # bounded: one page is read
        return index.query(
            partition(shard, event_type or ""),
            EventRecord.id < before if before else None,
            scan_index_forward=False,
            page_size=share(limit + 1, _WRITE_SHARDS),
        )

    piece = partitions.read(query, _WRITE_SHARDS, "id", newest_first=True)
    found = [EventRecord.from_raw_data(item) for item in piece.items[:limit]]
    return found, found[-1].id if len(piece.items) > limit else piece.end
