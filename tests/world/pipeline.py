"""The event sources between functions, on moto: AWS's part in carrying a camera's record to an alert.

`Pipeline` hands the stream's batches, the table's changes and the queue's messages to the handlers, again and again
until they accept them.
"""

import base64
import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from moto.dynamodb.models import dynamodb_backends
from moto.sqs.models import sqs_backends

from alerts import on_queue_record
from detections import on_stream_index, on_table_change
from sitewatch import settings
from sitewatch.names import fold
from tests.world.aws import REGION, client
from tests.world.calling import Answer, Context, access_token, call
from tests.world.environment import ACCOUNT
from tests.world.faults import Killed, Wire

ARRIVAL = datetime(2026, 11, 22, 6, 10, 30, tzinfo=UTC)
MAX_ATTEMPTS = 200


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
        """The record as Lambda passes it to a function."""
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
    """A vehicle's report."""
    return {"year": 2020, "make": "Kia", "model": "Sorento", "category": "SUV", **differing}


@dataclass
class Pipeline:
    """Carries each function's output to the next one, again and again until it succeeds."""

    wire: Wire
    table_shards: int = 2
    _changes_taken: int = 0
    waiting: list[str] = field(default_factory=list)

    def invoke(self, handler: Callable[[Any, Any], Any], event: Mapping[str, Any]) -> Any:
        """Invoke a function, and let its errors through."""
        with self.wire.invocation():
            return handler(event, Context())

    def accepts(self, handler: Callable[[Any, Any], Any], event: Mapping[str, Any]) -> bool:
        """Whether an invocation succeeds."""
        with suppress(Exception, Killed):
            self.invoke(handler, event)
            return True
        return False

    def index(self, batch: Sequence[Record], *, bisect: bool = True) -> None:
        """Pass a batch to the index until it succeeds, in halves after a failure."""
        event = {"Records": [record.event() for record in batch]}
        for _ in range(MAX_ATTEMPTS):
            if self.accepts(on_stream_index.handler, event):
                return
            if bisect and len(batch) > 1:
                half = len(batch) // 2
                self.index(batch[:half])
                self.index(batch[half:])
                return
        self.invoke(on_stream_index.handler, event)

    def changes(self) -> dict[str, list[dict[str, Any]]]:
        """The changes of the table since the last call, by shard; all changes of an item are in one shard."""
        shard: Any = _table("DetectionsTable").stream_shard
        fresh = [item.to_json() for item in shard.items[self._changes_taken :]]
        self._changes_taken += len(fresh)
        shards: dict[str, list[dict[str, Any]]] = {f"shard-{number}": [] for number in range(self.table_shards)}
        for change in fresh:
            # On moto, a write that changes nothing is a change too.
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
        """Pass a shard's changes to a handler in order, in batches of any size, some of them again."""
        position, failures = 0, 0
        while position < len(changes):
            batch = changes[position : position + next(sizes, 500)]
            event = {"Records": batch, "shardId": shard}
            if self.accepts(handler, event):
                position = max(position + len(batch) - next(rewinds, 0), 0)
            elif (failures := failures + 1) > MAX_ATTEMPTS:
                self.invoke(handler, event)

    def receive(self) -> None:
        """Collect the messages that subscribers have received since."""
        queue: Any = sqs_backends[ACCOUNT][REGION].queues["AlertsQueue"]
        self.waiting += [message.body for message in queue._messages]
        queue._messages = []

    def record(self, bodies: Sequence[str]) -> bool:
        """Pass messages to the log of alerts, and return whether that succeeded."""
        return self.accepts(on_queue_record.handler, {"Records": [{"body": body} for body in bodies]})

    def carry_on(
        self,
        sizes: Iterator[int] | None = None,
        rewinds: Iterator[int] | None = None,
        shuffle: Callable[[list[str]], object] = lambda _: None,
    ) -> None:
        """Carry stored detections to the sums and to the log of alerts."""
        sizes, rewinds = sizes or iter(()), rewinds or iter(())
        for shard, changes in self.changes().items():
            self.follow(on_table_change.handler, shard, changes, sizes=sizes, rewinds=rewinds)
        self.receive()
        for _ in range(MAX_ATTEMPTS + len(self.waiting)):
            if not self.waiting:
                return
            shuffle(self.waiting)
            batch = self.waiting[: 1 + next(sizes, 9) % 10]
            if self.record(batch):
                # A rewind is a message that is delivered again after it was handled.
                del self.waiting[: max(len(batch) - next(rewinds, 0), 0)]
        raise AssertionError("the log of alerts never accepted them")


def _table(name: str) -> Any:
    return dynamodb_backends[ACCOUNT][REGION].get_table(name)


def stored() -> dict[str, dict[str, Any]]:
    """The stored detections, by id."""
    items = [item.to_json()["Attributes"] for item in _table("DetectionsTable").items.values()]
    return {
        item["id"]["S"]: {name: next(iter(value.values())) for name, value in item.items()}
        | {"year": int(item["year"]["N"])}
        for item in items
    }


def reported() -> dict[str, dict[str, Any]]:
    """The stored detections, by the id that their sender gave."""
    items = {item["reported_id"]: item for item in stored().values()}
    assert len(items) == len(stored())
    return items


def ask(resource: str, **query: object) -> Answer:
    """GET as a user."""
    return call("GET", resource, query=query, token=access_token())


def stats(by: str) -> dict[str, int]:
    """The response of /stats."""
    answer = ask("/stats", by=by)
    assert answer.status == 200
    assert list(answer.json) == sorted(answer.json, key=fold)
    return dict(answer.json)


@dataclass(frozen=True, slots=True)
class Event:
    """An event that an EventSource raises."""

    id: str
    type: str
    data: str


@dataclass
class EventSource:
    """A client of /alerts as in the HTML standard (section 9.2): it remembers the last id."""

    last_id: str = ""
    retry: int | None = None

    def read(self, text: str) -> list[Event]:
        """The events in a response. An unfinished block is dropped."""
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
        """Request once, as at each reconnection."""
        headers = {"Last-Event-ID": self.last_id} if self.last_id else {}
        answer = call("GET", "/alerts", query={"wait": 0, **query}, headers=headers, token=access_token())
        assert answer.status == 200, answer.text
        return self.read(answer.text)


def alerts() -> list[dict[str, Any]]:
    """Every alert, as read by a client that starts at the beginning and reconnects until nothing new arrives."""
    source, found = EventSource(last_id="0"), list[Event]()
    while events := source.connect():
        found += events
    return [json.loads(event.data) for event in found]


def on_stream() -> list[dict[str, Any]]:
    """The records on the stream of detections."""
    kinesis, name = client("kinesis"), settings.text("DETECTIONS_STREAM")
    (shard,) = kinesis.list_shards(StreamName=name)["Shards"]
    place = kinesis.get_shard_iterator(StreamName=name, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")
    records = kinesis.get_records(ShardIterator=place["ShardIterator"])["Records"]
    return [json.loads(record["Data"]) for record in records]


def quarantined() -> list[tuple[bytes, str]]:
    """Each record or part in quarantine: its bytes and the reason."""
    return [(_bytes_of(message), message["reason"]) for message in _in_quarantine()]


def quarantined_indexes() -> list[int | None]:
    """The index of each part in quarantine, and None for a whole record."""
    return [message["index"] for message in _in_quarantine()]


def _in_quarantine() -> list[dict[str, Any]]:
    queue: Any = sqs_backends[ACCOUNT][REGION].queues["QuarantineQueue.fifo"]
    return [json.loads(message.body) for message in queue._messages]


def _bytes_of(message: Mapping[str, str]) -> bytes:
    if "data" in message:
        return base64.b64decode(message["data"])
    assert message["bucket"] == settings.text("QUARANTINE_BUCKET")
    answer = client("s3").get_object(Bucket=message["bucket"], Key=message["key"])
    return bytes(answer["Body"].read())


def moved(record: Record, number: int) -> Record:
    """The same bytes as another record of the stream."""
    return replace(record, number=number)
