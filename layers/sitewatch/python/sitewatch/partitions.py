"""Keys of indexes by time.

DynamoDB takes 1,000 writes a second per partition. To let a site grow past that, each month of an index is spread
over several partitions ("write shards") by a hash of the id; a reader merges them.
"""

import hashlib
import re
from datetime import datetime

from sitewatch import clock

_MAX_PAGE_SIZE = 1000
_POSITION = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z#.+", re.ASCII)


def month_of(time: datetime) -> str:
    """The month of ``time``, for example ``2026-11``."""
    return clock.sortable(time)[:7]


def write_shard(item_id: str, shards: int) -> int:
    """The shard (0 to ``shards`` - 1) of an id: always the same, and evenly distributed."""
    return int.from_bytes(hashlib.sha256(item_id.encode()).digest()[:4], "big") % shards


def partition(month: str, shard: int, value: str = "") -> str:
    """The partition key of a month and shard of an index by ``value`` (empty: of the index of all items)."""
    return f"{month}#{shard}#{value}"


def position(time: datetime, item_id: str) -> str:
    """The sort key: text order is the order by time, then by id."""
    return f"{clock.sortable(time)}#{item_id}"


def is_position(text: str) -> bool:
    """Whether ``text`` has the format of ``position``, as a cursor from a client should."""
    return _POSITION.fullmatch(text) is not None


def page_size(wanted: int, shards: int) -> int:
    """How many items to read per query of a shard: its share of ``wanted``, and a few more for an uneven spread."""
    return min(wanted // shards + 10, _MAX_PAGE_SIZE)
