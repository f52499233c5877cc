"""Where a detection lies in the indexes by time.

A partition takes 1,000 writes a second. So that a site can grow past that, each month of an index
is spread over ``DETECTION_WRITE_SHARDS`` partitions by a hash of the id, and read by merging them.
"""

import hashlib
import re
from datetime import datetime

from sitewatch import clock, settings

_POSITION = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z#.+", re.ASCII)

WRITE_SHARDS = settings.integer("DETECTION_WRITE_SHARDS")


def month(time: datetime) -> str:
    """``2026-11``."""
    return clock.sortable(time)[:7]


def hour(time: datetime) -> str:
    """``2026-11-22T06``."""
    return clock.sortable(time)[:13]


def position(time: datetime, detection_id: str) -> str:
    """The sort key: text order is the order of time, then of id."""
    return f"{clock.sortable(time)}#{detection_id}"


def is_position(text: str) -> bool:
    """Whether ``text`` is a sort key as ``position`` makes it."""
    return _POSITION.fullmatch(text) is not None


def write_shard(detection_id: str) -> int:
    """The shard of an id: the same at each delivery, even over the shards."""
    return int.from_bytes(hashlib.sha256(detection_id.encode()).digest()[:4], "big") % WRITE_SHARDS


def partition(month_name: str, shard: int, value: str = "") -> str:
    """The partition key of a month and shard, among those of ``value`` (a make, a category, or all)."""
    return f"{month_name}#{shard}#{value}"
