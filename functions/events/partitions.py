"""Where an event lies in the indexes by time.

A partition takes 1,000 writes a second. So that a site can grow past that, each month of an index is
spread over ``EVENT_WRITE_SHARDS`` partitions by a hash of the id, and read by merging them. Which
months there are is stored beside, so that none is looked into that has no events.
"""

import hashlib
from datetime import datetime

from events.model import MonthsRecord
from sitewatch import clock, settings

WRITE_SHARDS = settings.integer("EVENT_WRITE_SHARDS")

_ALL = "months"
_entered: set[tuple[str, str]] = set()


def month(time: datetime) -> str:
    """``2026-11``."""
    return clock.sortable(time)[:7]


def write_shard(event_id: str) -> int:
    """The shard of an id: the same whenever asked, even over the shards."""
    return int.from_bytes(hashlib.sha256(event_id.encode()).digest()[:4], "big") % WRITE_SHARDS


def partition(month_name: str, shard: int, event_type: str = "") -> str:
    """The partition key of a month and shard, among the events of a type, or among all."""
    return f"{month_name}#{shard}#{event_type}"


def enter(month_name: str, event_types: set[str]) -> None:
    """Have it known that the month may have events of these types: before they are stored, so that none is missed."""
    for register in {_ALL, *(f"{_ALL}#{event_type}" for event_type in event_types)}:
        if (register, month_name) not in _entered:
            MonthsRecord(register).update(actions=[MonthsRecord.months.add({month_name})])
            _entered.add((register, month_name))


def months(event_type: str | None) -> list[str]:
    """The months that may have events, or events of a type, newest first."""
    register = _ALL if event_type is None else f"{_ALL}#{event_type}"
    known = next(MonthsRecord.query(register, consistent_read=True), None)
    return sorted(known.months, reverse=True) if known else []
