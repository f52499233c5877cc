"""Reading an index that is spread over write shards."""

import itertools
import random
from typing import Any

import pytest
from pynamodb.pagination import ResultIterator

from sitewatch import partitions
from sitewatch.partitions import Piece


@pytest.fixture(autouse=True)
def world() -> None:
    """No table is needed here."""


class Query(ResultIterator[Any]):
    """The first ``limit`` of some keys."""

    def __init__(self, keys: list[str], limit: int) -> None:
        items = [{"key": {"S": key}} for key in keys[:limit]]
        last = {"LastEvaluatedKey": items[-1]} if len(keys) >= limit else {}
        self.page_iter: Any = iter([{"Items": items, **last}])


def read(shards: list[list[str]], limit: int, *, newest_first: bool) -> Piece:
    ordered = [sorted(keys, reverse=newest_first) for keys in shards]
    return partitions.read(lambda shard: Query(ordered[shard], limit), len(shards), "key", newest_first=newest_first)


@pytest.mark.parametrize("newest_first", [True, False])
def test_pieces_of_uneven_shards_hold_each_item_once_in_order(newest_first: bool) -> None:
    rng = random.Random(7)
    keys = [f"{number:03}" for number in range(60)]
    left: list[list[str]] = [[], [], []]
    for key in keys:
        left[rng.choice((0, 0, 0, 0, 1, 2))].append(key)
    seen: list[str] = []
    for _ in itertools.count():
        piece = read(left, 5, newest_first=newest_first)
        seen += [item["key"]["S"] for item in piece.items]
        if piece.end is None:
            break
        end = piece.end
        left = [[key for key in shard if (key < end if newest_first else key > end)] for shard in left]
    assert seen == sorted(keys, reverse=newest_first)


def test_a_shard_that_has_more_ends_the_piece() -> None:
    piece = read([["9", "8", "7", "6"], ["5", "1"]], 3, newest_first=True)
    assert ([item["key"]["S"] for item in piece.items], piece.end) == (["9", "8", "7"], "7")


@pytest.mark.parametrize("wanted", [2, 11, 101, 1001])
@pytest.mark.parametrize("shards", [1, 2, 8])
def test_the_shares_almost_always_hold_the_first_items_of_all(wanted: int, shards: int) -> None:
    rng = random.Random(wanted)
    limit = partitions.share(wanted, shards)
    assert limit <= wanted
    assert limit <= 3 * wanted / shards or wanted < 200
    for _ in range(100):
        largest = max(map([rng.randrange(shards) for _ in range(wanted)].count, range(shards)))
        assert largest <= limit
