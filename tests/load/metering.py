"""What functions use, in the units that AWS bills: counted while real handlers run on moto.

DynamoDB's units follow its developer guide ("Read and write operations", "Item sizes and formats"): a write takes a
unit per KB of the larger of the old and the new item, twice in a transaction, and what each index's entry takes
besides; a read takes half a unit per 4 KB, a whole one where it is consistent.
"""

import contextlib
import io
import math
import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from botocore.client import BaseClient
from moto.core.botocore_stubber import BotocoreStubber
from moto.dynamodb.models import dynamodb_backends

from sitewatch.observability import logger
from tests.world.aws import call_over_http
from tests.world.environment import ACCOUNT
from tests.world.template import resources, template

Item = Mapping[str, Any]
"""An item as DynamoDB's API writes it: `{"id": {"S": "x"}}`."""

KIB = 1024
WRITE_BLOCK, READ_BLOCK = KIB, 4 * KIB
REQUEST_BLOCK = 64 * 1000
"""SQS and SNS bill a request for every 64 KB."""

ITEM_OVERHEAD, LOG_OVERHEAD = 100, 26
"""Bytes that are billed besides those of an item that is stored, and of a line that is logged."""

WRITES = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem"}
ONCE = frozenset({"GetSecretValue"})
"""Once in an instance's life: not in a flow's price."""


class Unmetered(Exception):
    """A function made a call that this module does not know the price of."""


def value_size(value: Mapping[str, Any]) -> int:
    """The bytes of an attribute's value."""
    ((kind, held),) = value.items()
    if kind in _SIZES:
        return _SIZES[kind](held)
    if kind in ("SS", "NS", "BS"):
        return sum(_SIZES[kind[0]](each) for each in held)
    raise Unmetered(kind)


def _number_size(number: str) -> int:
    # Two digits a byte, and one for the rest.
    digits = number.lstrip("-").replace(".", "").strip("0")
    return math.ceil(len(digits) / 2) + 1 + number.startswith("-")


_SIZES: Mapping[str, Callable[[Any], int]] = {
    "S": lambda text: len(text.encode()),
    "N": _number_size,
    "B": len,
    "BOOL": lambda _: 1,
    "NULL": lambda _: 1,
    "L": lambda held: 3 + sum(1 + value_size(each) for each in held),
    "M": lambda held: 3 + sum(1 + len(name.encode()) + value_size(each) for name, each in held.items()),
}


def item_size(item: Item | None) -> int:
    """The bytes of an item; none where there is none."""
    return sum(len(name.encode()) + value_size(value) for name, value in item.items()) if item else 0


def blocks(size: int, block: int) -> int:
    """How many blocks that many bytes take: at least one."""
    return max(1, math.ceil(size / block))


def entry(item: Item | None, index: Mapping[str, Any], table_keys: Sequence[str]) -> Item | None:
    """An item's entry in an index; None where it has none."""
    keys = [key["AttributeName"] for key in index["KeySchema"]]
    if item is None or any(key not in item for key in keys):
        return None
    kind = index["Projection"]["ProjectionType"]
    if kind == "ALL":
        return item
    kept = {*keys, *table_keys, *index["Projection"].get("NonKeyAttributes", [])}
    return {name: value for name, value in item.items() if name in kept}


def index_units(old: Item | None, new: Item | None, index: Mapping[str, Any], table_keys: Sequence[str]) -> int:
    """The write units of an index's entry when an item changes."""
    before, after = (entry(item, index, table_keys) for item in (old, new))
    if before == after:
        return 0
    keys = [key["AttributeName"] for key in index["KeySchema"]]
    moved = before and after and any(before[key] != after[key] for key in keys)
    if moved:
        return blocks(item_size(before), WRITE_BLOCK) + blocks(item_size(after), WRITE_BLOCK)
    return blocks(max(item_size(before), item_size(after)), WRITE_BLOCK)


def write_units(table: str, old: Item | None, new: Item | None, *, transaction: bool = False) -> int:
    """The write units of one change of an item of a table of the template, its indexes' included."""
    properties = resources("AWS::DynamoDB::Table")[table]
    keys = [key["AttributeName"] for key in properties["KeySchema"]]
    own = blocks(max(item_size(old), item_size(new)), WRITE_BLOCK) * (2 if transaction else 1)
    return own + sum(index_units(old, new, index, keys) for index in properties.get("GlobalSecondaryIndexes", []))


def stored_bytes(table: str, item: Item | None) -> int:
    """The bytes that an item and its entries in indexes take."""
    properties = resources("AWS::DynamoDB::Table")[table]
    keys = [key["AttributeName"] for key in properties["KeySchema"]]
    indexes = properties.get("GlobalSecondaryIndexes", [])
    images = [item, *(entry(item, index, keys) for index in indexes)]
    return sum(item_size(image) + ITEM_OVERHEAD for image in images if image)


def read_units(size: int, *, consistent: bool) -> float:
    """The read units of that many bytes read at once."""
    return blocks(size, READ_BLOCK) * (1 if consistent else 0.5)


def memory_mb(handler: str) -> int:
    """The memory of the function with that handler in the template."""
    (function,) = (each for each in resources("AWS::Serverless::Function").values() if each["Handler"] == handler)
    return int(function.get("MemorySize", template()["Globals"]["Function"]["MemorySize"]))


class Meter:
    """Counts, while the block runs, what functions use in `invocation`s.

    `usage` maps names of the price file to amounts. `processor_seconds`, `calls` and `invocations` are by handler;
    processor time is the function's own, that of moto is taken off.
    """

    def __init__(self) -> None:
        self.usage: defaultdict[str, float] = defaultdict(float)
        self.processor_seconds: defaultdict[str, float] = defaultdict(float)
        self.calls: Counter[str] = Counter()
        self.invocations: Counter[str] = Counter()
        self.metrics: set[str] = set()
        self._serving: str | None = None
        self._mocked = 0.0
        self._excluded = 0.0

    def __enter__(self) -> "Meter":
        self._send = call_over_http  # whose time in moto it can subtract
        self._mock = BotocoreStubber.__call__

        def through(client: BaseClient, operation: str, parameters: dict[str, Any]) -> Any:
            return self._pass(client, operation, parameters)

        def mocked(stubber: Any, *arguments: Any, **named: Any) -> Any:
            began = time.process_time()
            try:
                return self._mock(stubber, *arguments, **named)
            finally:
                self._mocked += time.process_time() - began

        self._patches: list[Any] = [
            patch.object(BaseClient, "_make_api_call", through),
            patch.object(BotocoreStubber, "__call__", mocked),
        ]
        for each in self._patches:
            each.start()
        return self

    def __exit__(self, *_: object) -> None:
        for each in self._patches:
            each.stop()

    @contextmanager
    def invocation(self, handler: str) -> Iterator[None]:
        """While a function runs."""
        self._serving, self._excluded = handler, 0.0
        printed, logged = io.StringIO(), io.StringIO()
        before = logger.registered_handler.setStream(logged)  # type: ignore[attr-defined]
        began = time.process_time()
        try:
            with contextlib.redirect_stdout(printed):
                yield
        finally:
            took = time.process_time() - began
            logger.registered_handler.setStream(before)  # type: ignore[attr-defined]
            self._serving = None
        self.invocations[handler] += 1
        self.processor_seconds[handler] += max(took - self._excluded, 0)
        self.usage["lambda_requests"] += 1
        lines = (printed.getvalue() + logged.getvalue()).splitlines()
        self.usage["log_bytes"] += sum(len(line.encode()) + LOG_OVERHEAD for line in lines)
        self.metrics |= {name for line in lines for name in re.findall(r'"Name": ?"(\w+)", ?"Unit"', line)}

    def add(self, used: Mapping[str, float]) -> None:
        """Count amounts that no call of a function's own stands for."""
        for name, amount in used.items():
            self.usage[name] += amount

    def _pass(self, client: Any, operation: str, parameters: dict[str, Any]) -> Any:
        if self._serving is None:
            return self._send(client, operation, parameters)
        began = time.process_time()
        writes = list(_writes(operation, parameters))
        old = [_stored(table, key) for table, key in writes]
        asked, self._mocked = time.process_time(), 0.0
        try:
            answer = self._send(client, operation, dict(parameters))  # botocore changes them
        finally:
            answered = time.process_time()
            client_seconds = answered - asked - self._mocked
            new = [_stored(table, key) for table, key in writes]
            if operation not in ONCE:
                self.calls[self._serving] += 1
                for (table, _), was, now in zip(writes, old, new, strict=True):
                    transaction = operation == "TransactWriteItems"
                    self.usage["dynamodb_write_units"] += write_units(table, was, now, transaction=transaction)
                    self.usage["dynamodb_stored_bytes"] += stored_bytes(table, now) - stored_bytes(table, was)
            self._excluded += time.process_time() - began - client_seconds
        if not writes and operation not in ONCE:
            self.add(_used(operation, parameters, answer))
        return answer


def _stored(table: str, key: Mapping[str, Any]) -> Item | None:
    backend: Any = dynamodb_backends[ACCOUNT]["us-east-1"]
    found = backend.get_item(table, key)
    return dict(found.to_json()["Attributes"]) if found else None


def _key_of(table: str, item: Item) -> dict[str, Any]:
    keys = [key["AttributeName"] for key in resources("AWS::DynamoDB::Table")[table]["KeySchema"]]
    return {key: item[key] for key in keys}


def _writes(operation: str, parameters: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The table and key of every item that a call writes."""
    if operation in WRITES.values():
        table = parameters["TableName"]
        yield table, _key_of(table, parameters.get("Item") or parameters["Key"])
    elif operation == "BatchWriteItem":
        for table, requests in parameters["RequestItems"].items():
            for request in requests:
                ((_, body),) = request.items()
                yield table, _key_of(table, body.get("Item") or body["Key"])
    elif operation == "TransactWriteItems":
        for part in parameters["TransactItems"]:
            ((_, body),) = part.items()
            yield body["TableName"], _key_of(body["TableName"], body.get("Item") or body["Key"])


def _requests(bodies: Sequence[str]) -> int:
    return max(1, math.ceil(sum(len(body.encode()) for body in bodies) / REQUEST_BLOCK))


def _used(operation: str, parameters: Mapping[str, Any], answer: Mapping[str, Any]) -> Mapping[str, float]:
    """What a call that writes no item uses.

    Raises Unmetered for one that is not known here.
    """
    used: dict[str, float]
    match operation:
        case "GetItem" | "Query":
            items = answer.get("Items") or [answer.get("Item")]
            size = sum(item_size(item) for item in items)
            used = {"dynamodb_read_units": read_units(size, consistent=_consistent(parameters))}
        case "BatchGetItem":
            units = [
                read_units(item_size(_stored(table, key)), consistent=_consistent(asked))
                for table, asked in parameters["RequestItems"].items()
                for key in asked["Keys"]
            ]
            used = {"dynamodb_read_units": sum(units)}
        case "SendMessage":
            used = {_queue(parameters): _requests([parameters["MessageBody"]])}
        case "SendMessageBatch":
            used = {_queue(parameters): _requests([each["MessageBody"] for each in parameters["Entries"]])}
        case "PublishBatch":
            bodies = [each["Message"] for each in parameters["PublishBatchRequestEntries"]]
            used = {"sns_requests": _requests(bodies)}
        case _:
            raise Unmetered(operation)
    return used


def kinesis_bytes(data: bytes) -> int:
    """What a record counts as."""
    return blocks(len(data), KIB) * KIB


def _consistent(parameters: Mapping[str, Any]) -> bool:
    return bool(parameters.get("ConsistentRead"))


def _queue(parameters: Mapping[str, Any]) -> str:
    return "sqs_fifo_requests" if parameters["QueueUrl"].endswith(".fifo") else "sqs_requests"
