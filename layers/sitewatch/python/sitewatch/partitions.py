"""Keys of indexes by time, and how to read them.

DynamoDB takes 1,000 writes a second per partition. To let a site grow past that, an index is spread over several
partitions ("write shards") by a hash of the id; a reader queries all of them at the same time and merges the results.
A partition may grow without limit, and a query costs the same whatever its size, so time is no part of its key.
"""

import hashlib
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from math import ceil, sqrt
from typing import Any

from pynamodb.pagination import ResultIterator

from sitewatch import clock
from sitewatch.tables import query_page

_POSITION = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z#.+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Piece:
    """Items of an index in order. ``end`` is the sort key after which reading continues; ``None`` if that was all."""

    items: list[dict[str, Any]]
    end: str | None


def write_shard(item_id: str, shards: int) -> int:
    """The shard (0 to ``shards`` - 1) of an id: always the same, and evenly distributed."""
    return int.from_bytes(hashlib.sha256(item_id.encode()).digest()[:4], "big") % shards


def partition(shard: int, value: str = "") -> str:
    """The partition key of a shard of an index by ``value`` (empty: of the index of all items)."""
    return f"{shard}#{value}"


def position(time: datetime, item_id: str) -> str:
    """The sort key: text order is the order by time, then by id."""
    return f"{clock.sortable(time)}#{item_id}"


def is_position(text: str) -> bool:
    """Whether ``text`` has the format of ``position``, as a cursor from a client should."""
    return _POSITION.fullmatch(text) is not None


def share(wanted: int, shards: int) -> int:
    """How many items to read of each shard, so that almost always the first ``wanted`` of all are among them."""
    if shards == 1:
        return wanted
    return min(wanted, ceil(wanted / shards + 4 * sqrt(wanted / shards)) + 1)


def read(query: Callable[[int], ResultIterator[Any]], shards: int, sort_key: str, *, newest_first: bool) -> Piece:
    """Make one query of each shard and merge the results.

    It ends where a shard ends that has more items, since the next ones may be in that shard.

    Parameters
    ----------
    query
        The query of a shard; its first page is read.
    sort_key
        The name of the index's sort key.
    newest_first
        Whether the query goes backward.

    """
    if shards == 1:
        pages = [query_page(query(0))]
    else:
        with ThreadPoolExecutor(shards) as pool:
            pages = list(pool.map(lambda shard: query_page(query(shard)), range(shards)))
    ends = [str(page["LastEvaluatedKey"][sort_key]["S"]) for page in pages if page.get("LastEvaluatedKey")]
    items = sorted(
        (item for page in pages for item in page["Items"]),
        key=lambda item: str(item[sort_key]["S"]),
        reverse=newest_first,
    )
    if not ends:
        return Piece(items, None)
    if newest_first:
        end = max(ends)
        return Piece([item for item in items if item[sort_key]["S"] >= end], end)
    end = min(ends)
    return Piece([item for item in items if item[sort_key]["S"] <= end], end)
