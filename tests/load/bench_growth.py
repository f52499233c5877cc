"""``make bench-growth``: what every list and sum reads as its data grows from 10^3 to 10^6 items.

The functions run in process. Their queries are answered by a small model of DynamoDB with its own rules: a query
evaluates one range of one partition in order, up to its ``Limit`` or 1 MB, then filters; it takes half a read unit for
each 4 KB that it evaluates, or a whole one if it is consistent. Items are made when they are read, so a million of them
take no memory. The table shows requests and read units; both are flat if they are the same, ± 2 requests and ± 20 % of
the units (or one unit), for every size. Sparse lists end where 1970 begins, so some have fewer than a million items.
"""

import argparse
import logging
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, overload
from unittest.mock import patch

from botocore.client import BaseClient
from rich.console import Console
from rich.table import Table

import tests.world.settings  # noqa: F401 - first: functions read their settings at import
from accounts.model import UserRecord
from alerts.model import ALERTS_PER_PARTITION, AlertsRecord, LogHead
from datapoints.model import DataPointRecord
from detections.model import CountRecord, DetectionRecord
from events.model import EventRecord
from incidents.model import IncidentRecord
from messages.model import MessageRecord, direction
from occupancy.model import SumsRecord
from sitewatch import clock, ids
from sitewatch.api_tokens import ApiTokenRecord
from sitewatch.audit import AuditRecord
from sitewatch.callers import Role
from sitewatch.jobs import NotificationRecord
from sitewatch.partitions import position
from sitewatch.timeline import hour_of, month_of, whole_hour_of
from sources.model import SourceRecord
from tests.load.capacity import Item, item_size, read_units
from tests.world.aws import new_world
from tests.world.calling import Answer, access_token, call
from tests.world.template import resources

LAST = datetime(2026, 11, 22, 6, 10, 30, tzinfo=UTC)
MAX_PAGE_BYTES = 1024 * 1024
SIZES = (1_000, 10_000, 100_000, 1_000_000)
SPACINGS = {
    "dense": timedelta(seconds=1),
    "each minute": timedelta(minutes=1),
    "hourly": timedelta(hours=1),
    "daily": timedelta(days=1),
    "monthly": timedelta(days=30.5),
}
TEXT = {"type": "text", "text": "hello " * 10}
USER = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
ACTION = "login.succeeded"
_KEYS = re.compile(
    r"\(?(?P<hash>#\w+) = (?P<value>:\w+)"
    r"( AND (?P<range>#\w+) (BETWEEN (?P<low>:\w+) AND (?P<high>:\w+)|(?P<compared>[<>=]+) (?P<to>:\w+)))?\)?"
)
_EQUAL = re.compile(r"(#\w+) = (:\w+)")


class Partition(Sequence[Item]):
    """Items in the order of their sort keys, each made when it is read."""

    def __init__(self, size: int, make: Callable[[int], Item]) -> None:
        self._size, self._make = size, make

    def __len__(self) -> int:
        return self._size

    @overload
    def __getitem__(self, index: int) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Item]: ...
    def __getitem__(self, index: int | slice) -> Item | Sequence[Item]:
        if isinstance(index, slice):
            return [self._make(number) for number in range(*index.indices(self._size))]
        return self._make(index)


EMPTY = Partition(0, lambda _: {})


class Database:
    """DynamoDB's rules for queries over partitions, and what they have cost.

    ``find`` returns the partition of a table, an index (``None``: the table itself) and a key's value.
    """

    def __init__(self, find: Callable[[str, str | None, str], Sequence[Item]]) -> None:
        self._find = find
        self.requests = 0
        self.units = 0.0

    def query(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Answer ``Query``."""
        names, values = asked["ExpressionAttributeNames"], asked["ExpressionAttributeValues"]
        keys = _KEYS.fullmatch(asked["KeyConditionExpression"])
        assert keys, asked["KeyConditionExpression"]
        table, index = asked["TableName"], asked.get("IndexName")
        items = self._find(table, index, values[keys["value"]]["S"])
        sort_key = _sort_key(table, index)
        low, high = _range(items, sort_key, keys, values)
        is_forward = asked.get("ScanIndexForward", True)
        if "ExclusiveStartKey" in asked:
            bisect = bisect_right if is_forward else bisect_left
            start = bisect(items, asked["ExclusiveStartKey"][sort_key]["S"], key=lambda item: item[sort_key]["S"])
            low, high = (start, high) if is_forward else (low, start)
        numbers = range(low, high) if is_forward else range(high - 1, low - 1, -1)
        evaluated: list[Item] = []
        size = 0
        more = False
        for number in numbers:
            if len(evaluated) == asked.get("Limit") or size > MAX_PAGE_BYTES:
                more = True
                break
            evaluated.append(items[number])
            size += item_size(evaluated[-1])
        self.requests += 1
        self.units += read_units(size, asked)
        wanted = [(names[name], values[value]) for name, value in _EQUAL.findall(asked.get("FilterExpression", ""))]
        found = [item for item in evaluated if all(item.get(name) == value for name, value in wanted)]
        # The model's items have only the attributes that are read.
        names_of_key = _key_names(table, index) & evaluated[-1].keys() if more else set()
        last = {"LastEvaluatedKey": {name: evaluated[-1][name] for name in names_of_key}} if more else {}
        return {"Items": found, "Count": len(found), "ScannedCount": len(evaluated), **last}

    def batch_get(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Answer ``BatchGetItem`` for one table with a sort key."""
        ((table, wanted),) = asked["RequestItems"].items()
        sort_key = _sort_key(table, None)
        found = []
        self.requests += 1
        for key in wanted["Keys"]:
            ((_, partition),) = ((name, value) for name, value in key.items() if name != sort_key)
            of_partition = self._find(table, None, partition["S"])
            place = bisect_left(of_partition, _value(key[sort_key]), key=lambda item: _value(item[sort_key]))
            items = [item for item in of_partition[place : place + 1] if item[sort_key] == key[sort_key]]
            self.units += read_units(item_size(items[0]) if items else 0, wanted)
            found += items
        return {"Responses": {table: found}, "UnprocessedKeys": {}}

    @contextmanager
    def answering(self) -> Iterator[None]:
        """While it runs, answers the reads of every client; the status of users is read from no table."""
        other = BaseClient._make_api_call  # type: ignore[attr-defined]

        def answer(client: BaseClient, operation: str, asked: dict[str, Any]) -> Any:
            if asked.get("TableName") == "UserStatusTable":
                return {"Items": [], "Count": 0, "ScannedCount": 0}
            match operation:
                case "Query":
                    return self.query(asked)
                case "BatchGetItem":
                    return self.batch_get(asked)
            return other(client, operation, asked)

        with patch.object(BaseClient, "_make_api_call", answer):
            yield


def _schema(table: str, index: str | None) -> Sequence[Mapping[str, str]]:
    of_table = resources("AWS::DynamoDB::Table")[table]
    schemas = {None: of_table, **{each["IndexName"]: each for each in of_table.get("GlobalSecondaryIndexes", [])}}
    schema: Sequence[Mapping[str, str]] = schemas[index]["KeySchema"]
    return schema


def _key_names(table: str, index: str | None) -> set[str]:
    """The attributes of a key to resume after."""
    return {key["AttributeName"] for schema in (_schema(table, None), _schema(table, index)) for key in schema}


def _sort_key(table: str, index: str | None) -> str:
    """The name of the sort key; of the partition key, if there is no other."""
    return _schema(table, index)[-1]["AttributeName"]


def _value(key: Mapping[str, Any]) -> str | float:
    return float(key["N"]) if "N" in key else str(key["S"])


def _range(items: Sequence[Item], sort_key: str, keys: re.Match[str], values: Mapping[str, Any]) -> tuple[int, int]:
    """The numbers of the items that a key condition holds for."""

    def place(bisect: Callable[..., int], name: str) -> int:
        return bisect(items, _value(values[keys[name]]), key=lambda item: _value(item[sort_key]))

    if keys["low"]:
        return place(bisect_left, "low"), place(bisect_right, "high")
    match keys["compared"]:
        case None:
            return 0, len(items)
        case "<":
            return 0, place(bisect_left, "to")
        case ">":
            return place(bisect_right, "to"), len(items)
        case "=":
            return place(bisect_left, "to"), place(bisect_right, "to")
    raise AssertionError(keys["compared"])


@dataclass(frozen=True)
class Times:
    """So many times, so far apart, up to ``LAST``."""

    count: int
    apart: timedelta

    def at(self, number: int) -> datetime:
        return LAST - self.apart * (self.count - 1 - number)

    def number(self, time: datetime) -> int:
        """How many of them are before ``time``."""
        return min(max(self.count - 1 + -((LAST - time) // self.apart), 0), self.count)

    @cached_property
    def months(self) -> Mapping[str, int]:
        """How many are in each month."""
        found: dict[str, int] = {}
        first = self.at(0).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        while first <= LAST:
            after = (first + timedelta(days=32)).replace(day=1)
            if count := self.number(after) - self.number(first):
                found[month_of(first)] = count
            first = after
        return found

    def hours(self, month: str) -> Mapping[str, int]:
        """How many are in each day and hour of a month."""
        found: dict[str, int] = {}
        hour = datetime.fromisoformat(f"{month}-01").replace(tzinfo=UTC)
        while month_of(hour) == month:
            if count := self.number(hour + timedelta(hours=1)) - self.number(hour):
                found[hour_of(hour)] = count
            hour += timedelta(hours=1)
        return found


def _counts(key: Mapping[str, str], counts: Mapping[str, int]) -> Partition:
    item = {name: {"S": text} for name, text in key.items()} | {name: {"N": str(n)} for name, n in counts.items()}
    return Partition(1, lambda _: item)


def _id(times: Times, number: int) -> str:
    return ids.derived_id(times.at(number), str(number))


class Minutes(Sequence[Item]):
    """The items of a counter with the minutes of each hour."""

    def __init__(self, counter: str, times: Times) -> None:
        self._counter, self._times = counter, times
        self._first = times.at(0).replace(minute=0, second=0, microsecond=0)

    def __len__(self) -> int:
        return (LAST - self._first) // timedelta(hours=1) + 1

    @overload
    def __getitem__(self, index: int) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Item]: ...
    def __getitem__(self, index: int | slice) -> Item | Sequence[Item]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        hour = self._first + index * timedelta(hours=1)
        starts = [hour + timedelta(minutes=minute) for minute in range(61)]
        numbers = [self._times.number(start) for start in starts]
        counts = {
            f"{minute:02}": {"N": str(numbers[minute + 1] - numbers[minute])}
            for minute in range(60)
            if numbers[minute + 1] > numbers[minute]
        }
        return {"counter": {"S": self._counter}, "value": {"S": whole_hour_of(hour)}, **counts}


MAKES = 5
RARE_EVERY = 50_000


def _detection(times: Times, number: int) -> Item:
    at, detection_id = times.at(number), _id(times, number)
    make = (times.count - 1 - number) % MAKES  # the newest one is of make 0
    return DetectionRecord(
        detection_id,
        reported_id=f"entrance-{number}",
        source="gate-north",
        year=2020,
        make=f"Make {make}",
        model="Sorento",
        category="Rare" if number % RARE_EVERY == 0 else "Sedan",
        created_at=at,
        suspicious=False,
        position=position(at, detection_id),
        time_partition="0#",
        make_partition=f"0#make {make}",
        category_partition="0#rare" if number % RARE_EVERY == 0 else "0#sedan",
        source_partition="0#gate-north",
    ).serialize()


def _detections(times: Times, table: str, index: str | None, key: str) -> Sequence[Item]:
    of_make = Times(times.count // MAKES, times.apart * MAKES)
    if table == "DetectionsTable":
        if index == "by_make":
            oldest = times.count - 1 - (of_make.count - 1) * MAKES
            return Partition(of_make.count, lambda number: _detection(times, oldest + number * MAKES))
        return Partition(times.count, lambda number: _detection(times, number))
    if key in ("make", "category", "year"):
        return Partition(
            MAKES, lambda n: CountRecord(key, f"make {n:02}", spelling=f"Make {n}", total=of_make.count).serialize()
        )
    of = of_make if "#make#" in key else times
    if key.startswith("hours"):
        months = sorted(of.months)
        return Partition(len(months), lambda n: {"counter": {"S": key}, **_hours(of, "value", months[n])})
    return Minutes(key, of) if key.startswith("minutes") else _counts({"counter": key, "value": "all"}, of.months)


def _imported(times: Times, table: str, index: str | None, key: str) -> Sequence[Item]:
    """Detections that one batch has spread over so many months that it counted no hours."""
    return EMPTY if key.startswith(("hours", "minutes")) else _detections(times, table, index, key)


def _hours(times: Times, name: str, month: str) -> Item:
    return {name: {"S": month}, **{hour: {"N": str(count)} for hour, count in times.hours(month).items()}}


def _data_points(times: Times, table: str, _index: str | None, key: str) -> Sequence[Item]:
    def point(number: int) -> Item:
        at, point_id = times.at(number), _id(times, number)
        return DataPointRecord(
            point_id,
            time=at,
            value=b"\x9d*L\xbe",
            tags=["simulated"],
            valid_partition="valid",
            position=position(at, point_id),
        ).serialize()

    if table == "DataPointsTable":
        return Partition(times.count, point)
    items = [*sorted(times.months), "months"]  # which sorts last

    def counts(number: int) -> Item:
        if items[number] == "months":
            of_months = {month: {"N": str(count)} for month, count in times.months.items()}
            return {"counter": {"S": key}, "value": {"S": "months"}, **of_months}
        return {"counter": {"S": key}, **_hours(times, "value", items[number])}

    return Partition(len(items), counts)


def _by_id(make: Callable[[str, datetime], Any]) -> Callable[..., Sequence[Item]]:
    """Partitions of records whose sort key is their id."""

    def find(times: Times, _table: str, _index: str | None, _key: str) -> Sequence[Item]:
        return Partition(times.count, lambda number: make(_id(times, number), times.at(number)).serialize())

    return find


def _event(event_id: str, at: datetime) -> EventRecord:
    return EventRecord(
        event_id,
        event_type="door",
        event_payload="open",
        created_at=at,
        updated_at=at,
        version=1,
        source="gate-north",
        time_partition="0#",
        type_partition="0#door",
        source_partition="0#gate-north",
    )


def _entry(entry_id: str, at: datetime) -> AuditRecord:
    return AuditRecord(id=entry_id, at=at, action=ACTION, actor=USER, subject=USER, expires_at=at)


def _incidents(times: Times, _table: str, _index: str | None, key: str) -> Sequence[Item]:
    """Each state has so many; none is critical."""
    state = key.partition("#")[0]

    def incident(number: int) -> Item:
        at, incident_id = times.at(number), _id(times, number)
        return IncidentRecord(
            incident_id,
            number=number,
            version=1,
            cause="vehicle",
            rule_id=USER,
            rule_name="A suspicious vehicle",
            rule_version=1,
            severity="warning",
            state=state,
            title="SUV at gate-north",
            source="gate-north",
            opened_at=at,
            last_at=at,
            occurrences=1,
            position=position(at, incident_id),
            time_partition=state,
            rule_partition=f"{state}#{USER}",
            source_partition=f"{state}#gate-north",
        ).serialize()

    return Partition(times.count, incident)


ZONE_SIZE = 200


def _sources(times: Times, _table: str, index: str | None, key: str) -> Sequence[Item]:
    """Cameras, each with an expectation that it meets. Some of them, evenly among the others, are in the zone."""

    def camera(number: int) -> Item:
        source = SourceRecord("camera", f"camera-{number:07}", last_seen=LAST, state="live")
        source.move_to("north" if number % (times.count // ZONE_SIZE) == 0 else "south")
        return source.serialize()

    if index == "by_zone":  # it has only keys
        keys = _key_names("SourcesTable", index)
        return Partition(
            ZONE_SIZE,
            lambda number: {name: camera(number * (times.count // ZONE_SIZE))[name] for name in keys},
        )
    return Partition(times.count, camera) if key == "camera" else EMPTY


def _alerts(times: Times, _table: str, _index: str | None, key: str) -> Sequence[Item]:
    if key == "head":
        return Partition(1, lambda _: LogHead(reached=times.count).serialize())
    first = int(key.partition("#")[2]) * ALERTS_PER_PARTITION
    size = min(ALERTS_PER_PARTITION, times.count + 1 - first)
    return Partition(
        size, lambda number: AlertsRecord(key, first + number, detections='{"make":"Kia"}' * 10).serialize()
    )


def _occupancy(times: Times, _table: str, index: str | None, key: str) -> Sequence[Item]:
    if index == "by_name":
        return Partition(
            times.count, lambda n: {"sensor": {"S": f"door-{n:07}"}, "kind": {"S": "sensor"}, "position": {"S": "now"}}
        )
    today = [f"hour#2026-11-{day}T{hour:02}" for day in (21, 22) for hour in range(24)]
    minutes = {f"{minute:02}": {"N": "3"} for minute in range(60)}
    items = [{"sensor": {"S": key}, "position": {"S": hour}, **minutes} for hour in today]
    items.append(
        {"sensor": {"S": key}, "position": {"S": "month#2026-11"}, **{f"{day:02}": {"N": "9"} for day in range(1, 23)}}
    )
    now: Any = SumsRecord(key, "now", kind="sensor", inside=3).serialize()
    items.append({**now, **{month: {"N": str(count)} for month, count in times.months.items()}})
    return items


@dataclass(frozen=True, slots=True)
class Case:
    """A request: its route and query; ``{skip}`` becomes half of the items, and ``{id}`` the id in the middle."""

    name: str
    resource: str
    find: Callable[[Times, str, str | None, str], Sequence[Item]]
    query: Mapping[str, str]
    spacings: Sequence[str] = ("dense",)
    role: Role = Role.USER

    def query_of(self, times: Times) -> Mapping[str, str]:
        """The query with these items."""
        middle = {
            "skip": str(times.count // 2),
            "make_skip": str(times.count // MAKES // 2),
            "id": _id(times, times.count // 2),
        }
        return {name: value.format(**middle) for name, value in self.query.items()}

    def run(self, times: Times) -> tuple[Answer, Database]:
        """The response, and what it has cost."""
        database = Database(lambda table, index, key: self.find(times, table, index, key))
        query = self.query_of(times)
        path = dict.fromkeys(re.findall(r"\{(\w+)\}", self.resource), "door")
        token = access_token(self.role, subject=USER)
        with database.answering():
            answer = call("GET", self.resource, path=path, query=query, token=token)
        assert answer.status == 200, answer.text
        return answer, database


ALL = ("dense", "hourly", "daily", "monthly")
POINTS = ("each minute", "hourly", "daily", "monthly")
CASES = (
    Case("detections", "/detections", _detections, {}, ALL),
    Case("detections, 1000", "/detections", _detections, {"limit": "1000"}, ALL),
    Case("detections of a make", "/detections", _detections, {"make": "make 0"}, ALL),
    Case("detections, rare combination", "/detections", _detections, {"source": "gate-north", "category": "rare"}, ALL),
    Case("detections, skip half", "/detections", _detections, {"skip": "{skip}"}, ALL),
    Case("detections of an import, skip half", "/detections", _imported, {"skip": "{skip}"}, ALL[1:]),
    Case("detections of a make, skip half", "/detections", _detections, {"make": "make 0", "skip": "{make_skip}"}, ALL),
    Case("stats", "/stats", _detections, {}),
    Case("data points", "/api/data", _data_points, {}, POINTS),
    Case("data points, admin", "/api/data", _data_points, {}, POINTS, Role.ADMIN),
    Case("data points, skip half", "/api/data", _data_points, {"skip": "{skip}"}, POINTS),
    Case("events", "/api/event", _by_id(_event), {"start": "{id}"}, ALL),
    Case("events of a type", "/api/event", _by_id(_event), {"start": "{id}", "event_type": "door"}, ALL),
    Case(
        "events, rare combination",
        "/api/event",
        _by_id(_event),
        {"source": "gate-north", "event_type": "fire"},
        ALL,
    ),
    Case(
        "users",
        "/users",
        _by_id(
            lambda i, at: UserRecord(
                f"user#{i}", id=i, username="alice", password_hash="x" * 97, role="user", created_at=at
            )
        ),
        {"start": "{id}"},
    ),
    Case(
        "API tokens",
        "/api/tokens",
        _by_id(lambda i, at: ApiTokenRecord(id=i, name="gate", created_by=USER, created_at=at, expires_at=LAST)),
        {"start": "{id}"},
        role=Role.ADMIN,
    ),
    Case("audit log", "/audit", _by_id(_entry), {"start": "{id}"}, role=Role.ADMIN),
    Case("audit log of a user", "/audit", _by_id(_entry), {"start": "{id}", "subject": USER}, role=Role.ADMIN),
    Case("audit log of an action", "/audit", _by_id(_entry), {"start": "{id}", "action": ACTION}, role=Role.ADMIN),
    Case(
        "audit log of an action on a user",
        "/audit",
        _by_id(_entry),
        {"start": "{id}", "subject": USER, "action": ACTION},
        role=Role.ADMIN,
    ),
    Case(
        "messages",
        "/messages",
        _by_id(
            lambda i, _: MessageRecord(
                direction(USER, USER), i, sender=USER, recipient=USER, content={"type": "text", "text": "hello " * 10}
            )
        ),
        {"start": "{id}", "sender_id": USER, "recipient_id": USER},
    ),
    Case(
        "notifications",
        "/notifications",
        _by_id(
            lambda i, _: NotificationRecord(
                USER, i, job_id=i, message={}, is_error=False, code=10095, title="New Message"
            )
        ),
        {"start": "{id}"},
    ),
    Case("incidents", "/incidents", _incidents, {}, ALL),
    Case("incidents that are open", "/incidents", _incidents, {"state": "open"}, ALL),
    Case("incidents of a rule", "/incidents", _incidents, {"rule": USER}, ALL),
    Case("incidents, rare combination", "/incidents", _incidents, {"rule": USER, "severity": "critical"}, ALL),
    Case("sources", "/sources", _sources, {}),
    Case("sources in a zone", "/sources", _sources, {"zone": "north"}),
    Case("sources of a kind in a zone", "/sources", _sources, {"zone": "north", "kind": "camera"}),
    Case("sources in a state", "/sources", _sources, {"state": "silent"}),
    Case("alerts, replay 1000", "/alerts", _alerts, {"wait": "0", "replay": "1000"}),
    Case("sensors", "/api/sensors", _occupancy, {}),
    Case("history of a day", "/api/sensors/{sensor}/history", _occupancy, {"to": "2026-11-22T06:00:00Z"}, ALL),
    Case(
        "occupancy at an instant", "/sensors/{sensor}/occupancy", _occupancy, {"atInstant": "2026-11-22T06:00:00Z"}, ALL
    ),
)


@dataclass(frozen=True, slots=True)
class Row:
    """A case with one spacing: its requests and read units at each size."""

    name: str
    requests: Sequence[int]
    units: Sequence[float]

    @property
    def is_flat(self) -> bool:
        first, units = self.requests[0], self.units[0]
        return all(abs(each - first) <= 2 for each in self.requests) and all(
            abs(each - units) <= max(0.2 * units, 1) for each in self.units
        )


def measure(sizes: Sequence[int], cases: Sequence[Case] = CASES) -> Iterator[Row]:
    """Run the cases at these sizes, as many of them as time has room for."""
    with new_world():
        for case in cases:
            for spacing in case.spacings:
                apart = SPACINGS[spacing]
                most = (LAST - clock.EARLIEST) // apart
                runs = [case.run(Times(min(size, most), apart))[1] for size in sizes]
                yield Row(f"{case.name}, {spacing}", [run.requests for run in runs], [run.units for run in runs])


def main() -> None:
    """Measure and print."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    logging.disable()
    table = Table("what", *(f"{size:,}" for size in SIZES), "flat", title="Requests / read units")
    for row in measure(SIZES):
        cells = (f"{requests} / {units:g}" for requests, units in zip(row.requests, row.units, strict=True))
        table.add_row(row.name, *cells, "yes" if row.is_flat else "NO")
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
