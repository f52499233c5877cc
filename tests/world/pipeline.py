"""Plays the engine between the functions, on moto: what AWS does between a camera's record and an alert.

`Wire` stands between the functions and moto: it counts their calls and lets them fail. `Pipeline` hands the stream's
batches, the table's changes and the queue's messages to the handlers, again and again until they take them.
"""

import base64
import inspect
import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import Enum, auto
from typing import Any, TypeVar
from unittest.mock import patch

from botocore.client import BaseClient
from botocore.exceptions import ClientError
from moto.dynamodb.comparisons import get_filter_expression
from moto.dynamodb.exceptions import TransactionCanceledException
from moto.dynamodb.models import DynamoDBBackend, dynamodb_backends
from moto.dynamodb.models.table import Table
from moto.sqs.models import sqs_backends

from alerts import on_queue_record
from detections import on_stream_index, on_table_count, on_table_publish
from sitewatch import settings
from tests.world.aws import client
from tests.world.calling import Answer, Context, access_token, call
from tests.world.environment import ACCOUNT
from tests.world.template import resources

Item = TypeVar("Item")

ARRIVAL = datetime(2026, 11, 22, 6, 10, 30, tzinfo=UTC)
MOST_ATTEMPTS = 200


class Killed(BaseException):
    """The function's instance ended: no code of its own catches this."""


class Fault(Enum):
    """What can happen to one call."""

    THROTTLED = auto()  # refused, nothing is done
    PARTLY = auto()  # every second entry of a batch is refused, the others are done
    CONFLICT = auto()  # a transaction meets another one
    KILLED_BEFORE = auto()  # the instance ends before the call
    KILLED_AFTER = auto()  # the instance ends when the call is done
    TWICE = auto()  # the answer is lost and the client sends the call again


@dataclass(slots=True)
class Call:
    """A call that a function made, and what it got."""

    operation: str
    parameters: Mapping[str, Any]
    answer: Any = None


class Wire:
    """Stands between the functions and moto while the block runs, and keeps pauses from taking time.

    Parameters
    ----------
    faults
        What happens to each call that a function makes in an invocation; when they are used up, nothing more does.

    """

    def __init__(self, faults: Iterable[Fault | None] = ()) -> None:
        self.calls: list[Call] = []
        self.faults = iter(faults)
        self.before: Callable[[Call], None] = lambda _: None
        self._serving = False
        self._dead = False

    def __enter__(self) -> "Wire":
        client_class: Any = BaseClient
        self._send = client_class._make_api_call

        def through(client: BaseClient, operation: str, parameters: dict[str, Any]) -> Any:
            return self._pass(client, operation, parameters)

        self._patches: list[Any] = [
            patch.object(BaseClient, "_make_api_call", through),
            patch.object(DynamoDBBackend, "transact_write_items", _transact),
            patch.object(Table, "query", _query),
            patch.object(Table, "all_items", _all_items),
            patch("time.sleep"),
        ]
        for each in self._patches:
            each.start()
        return self

    def __exit__(self, *_: object) -> None:
        for each in self._patches:
            each.stop()

    def operations(self, name: str) -> list[Call]:
        """The calls of one operation so far."""
        return [made for made in self.calls if made.operation == name]

    @contextmanager
    def invocation(self) -> Iterator[None]:
        """While a function runs: only now are calls counted, and only now do they fail."""
        self._serving, self._dead = True, False
        try:
            yield
        finally:
            self._serving = False

    def _pass(self, client: Any, operation: str, parameters: dict[str, Any]) -> Any:
        if not self._serving or operation == "GetSecretValue":  # by which a test signs its tokens
            return self._send(client, operation, parameters)
        if self._dead:
            raise Killed
        self.calls.append(Call(operation, parameters))
        self.before(self.calls[-1])
        fault = next(self.faults, None)
        if fault is Fault.KILLED_BEFORE:
            self._dead = True
            raise Killed
        if fault is Fault.PARTLY and operation in _PARTLY:
            return _PARTLY[operation](lambda some: self._send(client, operation, some), parameters)
        if fault is Fault.CONFLICT and operation == "TransactWriteItems":
            raise _conflict(len(parameters["TransactItems"]))
        if fault in (Fault.THROTTLED, Fault.PARTLY, Fault.CONFLICT):
            raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "slow down"}}, operation)
        answer = self.calls[-1].answer = self._send(client, operation, dict(parameters))  # botocore changes them
        if fault is Fault.TWICE and operation != "TransactWriteItems":  # that one has a token and is done once
            answer = self._send(client, operation, dict(parameters))
        if fault is Fault.KILLED_AFTER:
            self._dead = True
            raise Killed
        return answer


def _conflict(items: int) -> ClientError:
    reasons = [{"Code": "None"}] * (items - 1) + [{"Code": "TransactionConflict", "Message": "ongoing"}]
    error: Any = {
        "Error": {"Code": "TransactionCanceledException", "Message": "cancelled"},
        "CancellationReasons": reasons,
    }
    return ClientError(error, "TransactWriteItems")


def _every_second(entries: Sequence[Item]) -> tuple[list[Item], list[Item]]:
    """Those that are refused, and those that are done."""
    return list(entries[::2]), list(entries[1::2])


def _write_partly(send: Callable[..., Any], parameters: Mapping[str, Any]) -> Any:
    ((table, requests),) = parameters["RequestItems"].items()
    refused, done = _every_second(requests)
    if done:
        send({**parameters, "RequestItems": {table: done}})
    return {"UnprocessedItems": {table: refused}}


def _read_partly(send: Callable[..., Any], parameters: Mapping[str, Any]) -> Any:
    ((table, asked),) = parameters["RequestItems"].items()
    refused, done = _every_second(asked["Keys"])
    answer: dict[str, Any] = {"Responses": {table: []}}
    if done:
        answer = send({**parameters, "RequestItems": {table: {**asked, "Keys": done}}})
    return {**answer, "UnprocessedKeys": {table: {**asked, "Keys": refused}}}


def _put_partly(send: Callable[..., Any], parameters: Mapping[str, Any]) -> Any:
    _, done = _every_second(parameters["Records"])
    outcomes = send({**parameters, "Records": done})["Records"] if done else []
    refusal = {"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "slow down"}
    records = [outcomes[i // 2] if i % 2 else refusal for i in range(len(parameters["Records"]))]
    return {"FailedRecordCount": len(records) - len(done), "Records": records}


def _send_partly(name: str) -> Callable[[Callable[..., Any], Mapping[str, Any]], Any]:
    def send_some(send: Callable[..., Any], parameters: Mapping[str, Any]) -> Any:
        refused, done = _every_second(parameters[name])
        failures = [{"Id": entry["Id"], "Code": "InternalError", "SenderFault": False} for entry in refused]
        return {**(send({**parameters, name: done}) if done else {}), "Failed": failures}

    return send_some


_PARTLY: dict[str, Callable[[Callable[..., Any], Mapping[str, Any]], Any]] = {
    "BatchWriteItem": _write_partly,
    "BatchGetItem": _read_partly,
    "PutRecords": _put_partly,
    "SendMessageBatch": _send_partly("Entries"),
    "PublishBatch": _send_partly("PublishBatchRequestEntries"),
}


def _transact(self: DynamoDBBackend, transact_items: list[dict[str, Any]]) -> None:
    """What moto's own does, without copying each table for each item: conditions first, then the writes."""
    assert len(transact_items) <= 100, "DynamoDB takes 100 items in a transaction"
    operations = [next(iter(item.items())) for item in transact_items]
    reasons: list[Any] = [
        (None, None, None) if _condition_holds(self, kind, operation) else ("ConditionalCheckFailed", "", None)
        for kind, operation in operations
    ]
    if any(code for code, _, _ in reasons):
        raise TransactionCanceledException(reasons)
    for kind, operation in operations:
        attributes = operation["Item"] if kind == "Put" else _added(self, operation)
        self.put_item(operation["TableName"], attributes)


def _added(backend: DynamoDBBackend, operation: Mapping[str, Any]) -> dict[str, Any]:
    """The item after an update, which adds to one number: what moto's parser takes longest for."""
    ((placeholder, name),) = operation["ExpressionAttributeNames"].items()
    ((reference, summand),) = operation["ExpressionAttributeValues"].items()
    assert operation["UpdateExpression"] == f"ADD {placeholder} {reference}", "other updates are not played here"
    current = backend.get_item(operation["TableName"], operation["Key"])
    attributes = current.to_json()["Attributes"] if current else dict(operation["Key"])
    total = int(attributes.get(name, {"N": "0"})["N"]) + int(summand["N"])
    return {**attributes, name: {"N": str(total)}}


_whole_query = Table.query
_QUESTION = inspect.signature(_whole_query)


def _query(self: Table, *asked: Any, **named: Any) -> Any:
    """What moto's own does, without walking over the whole table for one partition of it."""
    whole = self.items
    question = _QUESTION.bind(self, *asked, **named).arguments
    if question.get("index_name") is None:
        name = question["hash_key"]
        self.items = {name: whole[name]} if name in whole else {}  # type: ignore[assignment]
    try:
        return _whole_query(self, *asked, **named)
    finally:
        self.items = whole


def _all_items(self: Table) -> list[Any]:
    """What moto's own does, without an order: its queries put what they find in one of their own."""
    if not self.range_key_attr:
        return list(self.items.values())
    return [item for partition in self.items.values() for item in partition.values()]


def _condition_holds(backend: DynamoDBBackend, kind: str, operation: Mapping[str, Any]) -> bool:
    assert kind in ("Put", "Update"), "other kinds are not played here"
    if "ConditionExpression" not in operation:
        return True
    table = backend.get_table(operation["TableName"])
    attributes = operation["Item"] if kind == "Put" else operation["Key"]
    names = [table.hash_key_attr, table.range_key_attr]
    current = backend.get_item(operation["TableName"], {name: attributes[name] for name in names if name})
    condition: Any = get_filter_expression(
        operation["ConditionExpression"],
        operation.get("ExpressionAttributeNames"),
        operation.get("ExpressionAttributeValues"),
    )
    return bool(condition.expr(current))


@dataclass(frozen=True, slots=True)
class Record:
    """A record of the stream of detections."""

    number: int
    data: bytes
    shard: str = "shardId-000000000000"
    arrived_at: datetime = ARRIVAL

    @classmethod
    def of(cls, number: int, report: Mapping[str, Any], **place: Any) -> "Record":
        return cls(number, json.dumps(report).encode(), **place)

    @property
    def sequence_number(self) -> str:
        return str(49590338271490256608559692538361571095921575989136588898 + self.number)

    def event(self) -> dict[str, Any]:
        """The record as Lambda hands it over."""
        return {
            "eventID": f"{self.shard}:{self.sequence_number}",
            "eventSource": "aws:kinesis",
            "kinesis": {
                "sequenceNumber": self.sequence_number,
                "partitionKey": "a key",
                "approximateArrivalTimestamp": self.arrived_at.timestamp(),
                "data": base64.b64encode(self.data).decode(),
            },
        }


def vehicle(**differing: Any) -> dict[str, Any]:
    """A report of a vehicle."""
    return {"year": 2020, "make": "Kia", "model": "Sorento", "category": "SUV", **differing}


@dataclass
class Pipeline:
    """The engine: carries what each function leaves to the next one, and back again where it fails."""

    wire: Wire
    table_shards: int = 2
    _changes_taken: int = 0
    waiting: list[str] = field(default_factory=list)

    def invoke(self, handler: Callable[[Any, Any], Any], event: Mapping[str, Any]) -> Any:
        """One invocation; what it raises is raised."""
        with self.wire.invocation():
            return handler(event, Context())

    def takes(self, handler: Callable[[Any, Any], Any], event: Mapping[str, Any]) -> bool:
        """Whether an invocation ends well."""
        with suppress(Exception, Killed):
            self.invoke(handler, event)
            return True
        return False

    def index(self, batch: Sequence[Record], *, bisect: bool = True) -> None:
        """Hand a batch to the index until it is taken, in halves where it fails."""
        event = {"Records": [record.event() for record in batch]}
        for _ in range(MOST_ATTEMPTS):
            if self.takes(on_stream_index.handler, event):
                return
            if bisect and len(batch) > 1:
                half = len(batch) // 2
                self.index(batch[:half])
                self.index(batch[half:])
                return
        self.invoke(on_stream_index.handler, event)

    def changes(self) -> dict[str, list[dict[str, Any]]]:
        """What the table's stream has had since the last call, by shard; an item's changes are in one shard."""
        shard: Any = _table("DetectionsTable").stream_shard
        fresh = [item.to_json() for item in shard.items[self._changes_taken :]]
        self._changes_taken += len(fresh)
        shards: dict[str, list[dict[str, Any]]] = {f"shard-{number}": [] for number in range(self.table_shards)}
        for change in fresh:
            # A write that changes nothing leaves no change; moto's does.
            if change["dynamodb"].get("OldImage") != change["dynamodb"].get("NewImage"):
                number = zlib.crc32(change["dynamodb"]["Keys"]["id"]["S"].encode()) % self.table_shards
                shards[f"shard-{number}"].append(change)
        return shards

    def follow(
        self,
        handler: Callable[[Any, Any], Any],
        shard: str,
        changes: Sequence[dict[str, Any]],
        *,
        sizes: Iterator[int],
        rewinds: Iterator[int],
    ) -> None:
        """Hand a shard's changes to a handler in order, in batches of any size, some of them again."""
        position, failures = 0, 0
        while position < len(changes):
            batch = changes[position : position + next(sizes, 500)]
            event = {"Records": batch, "shardId": shard}
            if handler is on_table_publish.handler:  # the mapping's filter
                event["Records"] = [change for change in batch if _is_new_and_suspicious(change)]
            if not event["Records"] or self.takes(handler, event):
                position = max(position + len(batch) - next(rewinds, 0), 0)
            elif (failures := failures + 1) > MOST_ATTEMPTS:
                self.invoke(handler, event)

    def receive(self) -> None:
        """Take over what subscribers were told since."""
        queue: Any = sqs_backends[ACCOUNT]["us-east-1"].queues["AlertsQueue"]
        self.waiting += [message.body for message in queue._messages]
        queue._messages = []

    def record(self, bodies: Sequence[str]) -> bool:
        """Hand messages to the log of alerts; whether it took them."""
        return self.takes(on_queue_record.handler, {"Records": [{"body": body} for body in bodies]})

    def carry_on(
        self,
        sizes: Iterator[int] | None = None,
        rewinds: Iterator[int] | None = None,
        shuffle: Callable[[list[str]], object] = lambda _: None,
    ) -> None:
        """Carry what is stored to the sums and to the log of alerts."""
        sizes, rewinds = sizes or iter(()), rewinds or iter(())
        for shard, changes in self.changes().items():
            for handler in (on_table_count.handler, on_table_publish.handler):
                self.follow(handler, shard, changes, sizes=sizes, rewinds=rewinds)
        self.receive()
        for _ in range(MOST_ATTEMPTS + len(self.waiting)):
            if not self.waiting:
                return
            shuffle(self.waiting)
            batch = self.waiting[: 1 + next(sizes, 9) % 10]
            if self.record(batch):
                # A rewind is a message that comes again though it was taken.
                del self.waiting[: max(len(batch) - next(rewinds, 0), 0)]
        raise AssertionError("the log of alerts never took them")


def _is_new_and_suspicious(change: Mapping[str, Any]) -> bool:
    ((pattern,),) = [
        [json.loads(each["Pattern"]) for each in mapping["FilterCriteria"]["Filters"]]
        for mapping in resources("AWS::Lambda::EventSourceMapping").values()
        if mapping["FunctionName"] == {"Ref": "PublishDetectionsFunction"}
    ]
    return _matches(pattern, change)


def _matches(pattern: Any, value: Any) -> bool:
    """Lambda's filter syntax, as far as the template uses it: objects of lists of the values that pass."""
    if isinstance(pattern, list):
        return value in pattern
    return isinstance(value, Mapping) and all(_matches(part, value.get(name)) for name, part in pattern.items())


def _table(name: str) -> Any:
    return dynamodb_backends[ACCOUNT]["us-east-1"].get_table(name)


def emptied() -> None:
    """Empty the world, for another example of a property: faster than building it anew."""
    for name in resources("AWS::DynamoDB::Table"):
        table = _table(name)
        table.items.clear()
        if table.stream_shard:
            table.stream_shard.items.clear()
    for queue in sqs_backends[ACCOUNT]["us-east-1"].queues.values():
        queue._messages = []


def stored() -> dict[str, dict[str, Any]]:
    """The table of detections: what is stored, by id."""
    items = [item.to_json()["Attributes"] for item in _table("DetectionsTable").items.values()]
    return {
        item["id"]["S"]: {name: next(iter(value.values())) for name, value in item.items()}
        | {"year": int(item["year"]["N"])}
        for item in items
    }


def ask(resource: str, **query: object) -> Answer:
    """GET as a user."""
    return call("GET", resource, query=query, token=access_token())


def stats(by: str) -> dict[str, int]:
    """What /stats answers."""
    answer = ask("/stats", by=by)
    assert answer.status == 200
    assert list(answer.json) == sorted(answer.json)
    return dict(answer.json)


@dataclass(frozen=True, slots=True)
class Event:
    """An event that an EventSource raises."""

    id: str
    type: str
    data: str


@dataclass
class EventSource:
    """A client of /alerts, as the HTML standard (section 9.2) has it; it remembers the last id."""

    last_id: str = ""
    retry: int | None = None

    def read(self, text: str) -> list[Event]:
        """The events in an answer. What an unfinished block holds is dropped."""
        events: list[Event] = []
        kind, data, buffered_id = "", list[str](), self.last_id
        for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")[:-1]:
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if not line:
                self.last_id = buffered_id
                if data:
                    events.append(Event(self.last_id, kind or "message", "\n".join(data)))
                kind, data = "", []
            elif name == "event":
                kind = value
            elif name == "data":
                data.append(value)
            elif name == "id":
                buffered_id = value
            elif name == "retry" and value.isdecimal():
                self.retry = int(value)
        return events

    def connect(self, **query: object) -> list[Event]:
        """Ask once, as at each reconnection."""
        headers = {"Last-Event-ID": self.last_id} if self.last_id else {}
        answer = call("GET", "/alerts", query={"wait": 0, **query}, headers=headers, token=access_token())
        assert answer.status == 200, answer.text
        return self.read(answer.text)


def alerts() -> list[dict[str, Any]]:
    """Every alert, as a client reads them that begins at the beginning and connects until nothing comes."""
    source, found = EventSource(last_id="0"), list[Event]()
    while events := source.connect():
        found += events
    return [json.loads(event.data) for event in found]


def on_stream() -> list[dict[str, Any]]:
    """What was put on the stream of detections."""
    kinesis, name = client("kinesis"), settings.text("DETECTIONS_STREAM")
    (shard,) = kinesis.list_shards(StreamName=name)["Shards"]
    place = kinesis.get_shard_iterator(StreamName=name, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")
    records = kinesis.get_records(ShardIterator=place["ShardIterator"])["Records"]
    return [json.loads(record["Data"]) for record in records]


def quarantined() -> list[tuple[bytes, str]]:
    """The bytes and the reason of each record in quarantine."""
    queue: Any = sqs_backends[ACCOUNT]["us-east-1"].queues["QuarantineQueue.fifo"]
    messages = [json.loads(message.body) for message in queue._messages]
    return [(_bytes_of(message), message["reason"]) for message in messages]


def _bytes_of(message: Mapping[str, str]) -> bytes:
    if "data" in message:
        return base64.b64decode(message["data"])
    assert message["bucket"] == settings.text("QUARANTINE_BUCKET")
    answer = client("s3").get_object(Bucket=message["bucket"], Key=message["key"])
    return bytes(answer["Body"].read())


def moved(record: Record, number: int) -> Record:
    """The same bytes put on the stream again: another record."""
    return replace(record, number=number)
