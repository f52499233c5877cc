"""The units and bytes that DynamoDB bills for reads, writes and stored items.

The rules are those of its developer guide ("Read and write operations", "Item sizes and formats").
Items have the form of DynamoDB's API: ``{"id": {"S": "x"}}``.
"""

import math
from collections.abc import Mapping
from typing import Any

from tests.world.template import resources

Item = Mapping[str, Any]

KIB = 1024
ITEM_OVERHEAD = 100
"""Bytes billed for every stored item and index entry in addition to its own."""


def blocks(size: int, block: int) -> int:
    """The number of blocks that hold ``size`` bytes: at least one."""
    return max(1, math.ceil(size / block))


def value_size(value: Mapping[str, Any]) -> int:
    """The bytes of an attribute's value."""
    ((kind, held),) = value.items()
    size = 1  # BOOL and NULL
    match kind:
        case "S":
            size = len(held.encode())
        case "B":
            size = len(held)
        case "N":  # two digits a byte, and one more
            size = math.ceil(len(held.lstrip("-").replace(".", "").strip("0")) / 2) + 1 + held.startswith("-")
        case "L":
            size = 3 + sum(1 + value_size(each) for each in held)
        case "M":
            size = 3 + len(held) + item_size(held)
        case "SS" | "NS" | "BS":
            size = sum(value_size({kind[0]: each}) for each in held)
    return size


def item_size(item: Item | None) -> int:
    """The bytes of an item; 0 for None."""
    return sum(len(name.encode()) + value_size(value) for name, value in (item or {}).items())


def read_units(size: int, asked: Mapping[str, Any]) -> float:
    """The units of one read of ``size`` bytes: one per 4 KB, half of it unless ``asked`` wants it consistent."""
    return blocks(size, 4 * KIB) * (1 if asked.get("ConsistentRead") else 0.5)


def write_units(table: str, old: Item | None, new: Item | None, *, transaction: bool = False) -> int:
    """The units of one write to a table of the template, its indexes included.

    The item takes one per KB of its larger image, twice that in a transaction. An index takes units if its entry
    changes: an entry whose keys change is deleted and written again.
    """
    units = blocks(max(item_size(old), item_size(new)), KIB) * (2 if transaction else 1)
    for index in _indexes(table):
        before, after = _entry(table, index, old), _entry(table, index, new)
        if before == after:
            continue
        sizes = [item_size(entry) for entry in (before, after) if entry]
        if before and after and all(before[key] == after[key] for key in _keys(index)):
            sizes = [max(sizes)]
        units += sum(blocks(size, KIB) for size in sizes)
    return units


def stored_bytes(table: str, item: Item | None) -> int:
    """The bytes that an item and its index entries take."""
    entries = [item, *(_entry(table, index, item) for index in _indexes(table))]
    return sum(item_size(entry) + ITEM_OVERHEAD for entry in entries if entry)


def key_of(table: str, item: Item) -> Item:
    """The primary key of an item of a table of the template."""
    return {key: item[key] for key in _keys(resources("AWS::DynamoDB::Table")[table])}


def _keys(schema: Mapping[str, Any]) -> list[str]:
    return [key["AttributeName"] for key in schema["KeySchema"]]


def _indexes(table: str) -> list[dict[str, Any]]:
    return list(resources("AWS::DynamoDB::Table")[table].get("GlobalSecondaryIndexes", []))


def _entry(table: str, index: Mapping[str, Any], item: Item | None) -> Item | None:
    """An item's entry in an index; None if the item lacks one of its keys."""
    if item is None or not item.keys() >= set(_keys(index)):
        return None
    if index["Projection"]["ProjectionType"] == "ALL":
        return item
    kept = {*_keys(index), *key_of(table, item), *index["Projection"].get("NonKeyAttributes", [])}
    return {name: value for name, value in item.items() if name in kept}
