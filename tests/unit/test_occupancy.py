"""Readings and occupancy: exact in any order, and cheap for any number of readings."""

import contextlib
import json
import math
import os
import re
import subprocess
import threading
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote

import boto3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pynamodb.connection import Connection
from pynamodb.exceptions import CancellationReason, VerboseClientError
from pynamodb.models import Model

from occupancy import history, instants, recording, signatures
from occupancy.model import SENSOR_KIND, Reading, ReadingRecord, reading_position
from occupancy.sums import NOW, parts_of_reading
from sitewatch import clock, ids, tables
from sitewatch.errors import ApiError
from sitewatch.transactions import commit
from tests.world.aws import client
from tests.world.calling import Answer, access_token, admin_token, call
from tests.world.template import ROOT

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def report(sensor: str, ts: str, came: int, left: int, **headers: str) -> Answer:
    body = {"sensor": sensor, "ts": ts, "in_count": came, "out": left}
    return call("POST", "/api/webhook", body=body, headers={name.replace("_", "-"): at for name, at in headers.items()})


def inside(sensor: str, at: str | None = None, *, route: str = "/api/sensors/{sensor}/occupancy") -> Answer:
    return call("GET", route, path={"sensor": sensor}, query={"atInstant": at} if at else None)


def store(sensor: str, ts: datetime, came: int, left: int = 0) -> None:
    fields = {"sensor": sensor, "ts": ts, "in_count": came, "out": left}
    recording.record(Reading.model_validate(fields, context={"now": clock.LATEST}), ids.new_id())


def store_all(sensor: str, readings: Mapping[datetime, int]) -> None:
    """Store many readings as ``recording.record`` does, in a few calls."""
    sums: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for ts, difference in readings.items():
        for part in parts_of_reading(ts):
            sums[part.position][part.name] += difference
    with ReadingRecord.batch_write() as batch:
        for ts in readings:
            position = reading_position(clock.sortable(ts), ids.new_id())
            batch.save(ReadingRecord(sensor, position, in_count=max(readings[ts], 0), out_count=max(-readings[ts], 0)))
    table = boto3.resource("dynamodb").Table("OccupancyTable")
    with table.batch_writer() as writer:
        for place, changes in sums.items():
            head = {"kind": SENSOR_KIND, "inside": sum(readings.values())} if place == NOW else {}
            writer.put_item(Item={"sensor": sensor, "position": place, **changes, **head})


class OneByOne:
    """Writes the items of a transaction one by one: moto copies whole tables for every transaction."""

    def save(self, item: Model, condition: object) -> None:
        item.save()

    def update(self, item: Model, actions: list[Any]) -> None:
        item.update(actions=actions)


@pytest.fixture
def bulk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "commit", lambda fill: fill(OneByOne()))


@contextmanager
def requests_to_dynamodb(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """The requests to DynamoDB in the block: operations and responses."""
    seen: list[tuple[str, dict[str, Any]]] = []
    original = Connection._make_api_call

    def listening(self: Connection, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = original(self, operation, arguments)
        if operation != "DescribeTable":
            seen.append((operation, answer))
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(Connection, "_make_api_call", listening)
        yield seen


def items_of(answer: dict[str, Any]) -> list[dict[str, Any]]:
    if "Responses" in answer:
        return [item for items in answer["Responses"].values() for item in items]
    return list(answer.get("Items", []))


def size_of(item: dict[str, Any]) -> int:
    """The bytes of an item: names and text in UTF-8, and at most half its digits and 2 for a number."""
    return sum(
        len(name.encode()) + (len(value["S"].encode()) if "S" in value else len(value["N"]) // 2 + 2)
        for name, value in item.items()
    )


def test_a_reading_counts_at_once() -> None:
    assert report("abc", "2026-11-22T06:10:30Z", 5, 2).json == {"message": "OK"}
    assert inside("abc").json == {"inside": 3, "sensor": "abc"}
    assert inside("abc", route="/sensors/{sensor}/occupancy").json == {"inside": 3, "sensor": "abc"}


def test_the_older_name_of_the_count_is_accepted_too() -> None:
    body = {"sensor": "abc", "ts": "2026-11-22T06:10:30+01:00", "in": 4, "out": 1}
    assert call("POST", "/api/webhook", body=body).status == 200
    assert inside("abc", "2026-11-22T05:10:30Z").json == {"inside": 3}


def test_an_unknown_sensor_is_a_404_on_every_route() -> None:
    for answer in (
        inside("nobody"),
        inside("nobody", "2026-11-22T06:10:30Z"),
        call("GET", "/api/sensors/{sensor}/history", path={"sensor": "nobody"}),
    ):
        assert (answer.status, answer.json["detail"]) == (404, "Not Found")


def test_a_room_is_at_0_when_empty_and_before_its_first_reading() -> None:
    report("abc", "2026-11-22T06:10:30Z", 2, 2)
    assert inside("abc").json["inside"] == 0
    assert inside("abc", "2020-01-01T00:00:00Z").json == {"inside": 0}


def test_exits_reported_before_their_entries_make_the_count_negative() -> None:
    report("abc", "2026-11-22T06:10:30Z", 0, 2)
    assert inside("abc").json["inside"] == -2
    report("abc", "2026-11-22T06:00:30Z", 5, 0)
    assert inside("abc").json["inside"] == 3


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sensor", ""),
        ("sensor", "a/b"),
        ("sensor", "x" * 65),
        ("sensor", 7),
        ("ts", "yesterday"),
        ("ts", 1763791830),
        ("ts", "2105-01-01T00:00:00Z"),
        ("ts", "1969-12-31T23:59:59Z"),
        ("ts", "2107-01-01T00:00:00Z"),
        ("in_count", -1),
        ("in_count", True),
        ("in_count", 1.5),
        ("in_count", "3"),
        ("in_count", 1_000_001),
        ("out", None),
    ],
)
def test_a_bad_reading_is_a_400_that_names_the_field_and_nothing_is_stored(field: str, value: object) -> None:
    body = {"sensor": "abc", "ts": "2026-11-22T06:10:30Z", "in_count": 1, "out": 0, field: value}
    answer = call("POST", "/api/webhook", body=body)
    assert answer.status == 400
    assert [problem["field"] for problem in answer.json["detail"]] == [field]
    assert client("dynamodb").scan(TableName="OccupancyTable")["Count"] == 0


def test_a_repeated_reading_counts_once_and_an_equal_one_counts_again() -> None:
    for _ in range(3):
        assert report("abc", "2026-11-22T06:10:30Z", 1, 0, Idempotency_Key="k").json == {"message": "OK"}
    assert inside("abc").json["inside"] == 1
    report("abc", "2026-11-22T06:10:30Z", 1, 0)
    report("abc", "2026-11-22T06:10:30Z", 1, 0, Idempotency_Key="another")
    assert inside("abc").json["inside"] == 3
    assert report("abc", "2026-11-22T06:10:30Z", 2, 0, Idempotency_Key="k").status == 400
    assert report("abc", "2026-11-22T06:10:30Z", 1, 0, Idempotency_Key="k" * 256).status == 400


def test_a_stored_reading_whose_response_was_lost_is_not_stored_again() -> None:
    report("abc", "2026-11-22T06:10:30Z", 1, 0, Idempotency_Key="k")
    for mark in client("dynamodb").scan(TableName="IdempotencyTable")["Items"]:
        client("dynamodb").delete_item(TableName="IdempotencyTable", Key={"id": mark["id"]})
    assert report("abc", "2026-11-22T06:10:30Z", 1, 0, Idempotency_Key="k").status == 200
    assert inside("abc").json["inside"] == 1


def test_sensors_are_listed_in_order_page_by_page() -> None:
    names = [f"door {number:02}" for number in range(7)]
    for name in reversed(names):
        report(name, "2026-11-22T06:10:30Z", 1, 0)
        report(name, "2026-11-22T06:11:30Z", 1, 0)
    assert call("GET", "/api/sensors").json == {"sensors": names}
    seen, query = [], {"limit": "3"}
    while query:
        page = call("GET", "/api/sensors", query=query)
        seen.append(page.json["sensors"])
        query = page.next_query or {}
    assert seen == [names[:3], names[3:6], names[6:]]


def test_a_percent_encoded_name_in_the_path_is_found() -> None:
    report("door é 1", "2026-11-22T06:10:30Z", 1, 0)
    assert inside("door%20%C3%A9%201").json == {"inside": 1, "sensor": "door é 1"}
    assert inside("door é 1").json == {"inside": 1, "sensor": "door é 1"}


@pytest.mark.parametrize("sensor", ["B\u0075\u0308ro 9", "कमरा", "ห้อง 1", "غُرفة", "a‿b", "नि\u200dद", "x:1@y~z+w-v.u"])
@pytest.mark.parametrize("decoded", [True, False])
def test_every_sensor_that_is_stored_is_found(sensor: str, decoded: bool) -> None:
    assert report(sensor, "2026-11-22T06:10:30Z", 1, 0).status == 200
    name = unicodedata.normalize("NFC", sensor)
    path = sensor if decoded else quote(sensor)
    assert inside(path).json == {"inside": 1, "sensor": name}
    assert call("GET", "/api/sensors").json == {"sensors": [name]}
    assert call("GET", "/api/sensors/{sensor}/history", path={"sensor": path}).json["sensor"] == name


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(min_size=1, max_size=8))
def test_whatever_name_is_accepted_can_be_read(sensor: str) -> None:
    if report(sensor, "2026-11-22T06:10:30Z", 1, 0).status == 200:
        assert inside(quote(sensor)).json["inside"] >= 1


EDGES = [
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(2025, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    datetime(2026, 1, 1, tzinfo=UTC),
    datetime(2026, 3, 1, 0, 0, 30, tzinfo=UTC),
    datetime(2026, 3, 1, 10, tzinfo=UTC),
    datetime(2026, 3, 1, 10, 5, tzinfo=UTC),
    datetime(2026, 3, 1, 10, 5, 0, 1, tzinfo=UTC),
]
TIMES = st.one_of(
    st.sampled_from(EDGES),
    st.timedeltas(timedelta(0), timedelta(days=3)).map(lambda passed: datetime(2026, 2, 27, tzinfo=UTC) + passed),
    st.timedeltas(timedelta(0), timedelta(days=49_000)).map(lambda passed: EDGES[0] + passed),
)
READINGS = st.lists(st.tuples(TIMES, st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=25)
RUNS = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@RUNS
@given(READINGS, TIMES)
def test_the_count_at_an_instant_is_the_sum_of_the_readings_up_to_it_in_any_order(
    readings: list[tuple[datetime, int, int]], instant: datetime
) -> None:
    sensor = ids.new_id()
    for ts, came, left in readings:
        store(sensor, ts, came, left)
    for at in {instant, *(ts for ts, _, _ in readings)}:
        assert instants.at(sensor, at) == sum(came - left for ts, came, left in readings if ts <= at)
    assert instants.current(sensor) == sum(came - left for _, came, left in readings)


@RUNS
@given(
    READINGS,
    TIMES.filter(lambda time: time < datetime(2105, 1, 1, tzinfo=UTC)),
    st.sampled_from([60, 90, 300, 3600, 86399, 86400]),
    st.integers(1, 30),
)
def test_a_history_has_the_count_at_each_of_its_instants(
    bulk: None, readings: list[tuple[datetime, int, int]], since: datetime, seconds: int, steps: int
) -> None:
    sensor, step = ids.new_id(), timedelta(seconds=seconds)
    for ts, came, left in readings:
        store(sensor, ts, came, left)
    for first in (since, since.replace(hour=0, minute=0, second=0, microsecond=0)):
        points = history.points(sensor, first, first + steps * step + timedelta(seconds=59), step)
        minute = first.replace(second=0, microsecond=0)
        assert [point.ts for point in points] == [
            (minute + number * step).replace(second=0, microsecond=0) for number in range(len(points))
        ]
        assert len(points) >= steps
        for point in points:
            assert point.inside == sum(came - left for ts, came, left in readings if ts <= point.ts)


def test_a_history_is_bounded() -> None:
    report("abc", "2026-11-22T06:10:30Z", 1, 0)

    def ask(**query: object) -> Answer:
        query = {name.rstrip("_"): value for name, value in query.items()}
        return call("GET", "/api/sensors/{sensor}/history", path={"sensor": "abc"}, query=query)

    assert len(ask().json["points"]) == 24 * 12 + 1
    answer = ask(from_="2026-11-22T06:00:00Z", to="2026-11-22T06:20:00Z", step=600).json
    assert answer == {
        "sensor": "abc",
        "points": [
            {"ts": "2026-11-22T06:00:00Z", "inside": 0},
            {"ts": "2026-11-22T06:10:00Z", "inside": 0},
            {"ts": "2026-11-22T06:20:00Z", "inside": 1},
        ],
    }
    for field, query in (
        ("from", {"from_": "2026-11-22T06:00:01Z", "to": "2026-11-22T06:00:00Z"}),
        ("step", {"step": 59}),
        ("step", {"step": 86401}),
        ("step", {"from_": "2026-01-01T00:00:00Z", "to": "2026-11-22T06:00:00Z", "step": 60}),
        ("to", {"from_": "2023-01-01T00:01:00Z", "to": "2026-11-22T06:00:00Z", "step": 86400}),
        ("step", {"from_": "2026-11-21T00:00:00Z", "to": "2026-11-22T01:00:00Z", "step": 60}),
        ("to", {"from_": "2026-08-14T00:00:00Z", "to": "2026-11-22T06:00:00Z", "step": 21600}),
        ("from", {"from_": "now"}),
    ):
        refused = ask(**query)
        assert (refused.status, refused.json["detail"][0]["field"]) == (400, field)
    assert len(ask(from_="2022-10-15T00:00:00Z", to="2026-11-22T06:00:00Z", step=86400).json["points"]) == 1500
    assert len(ask(from_="2026-11-21T00:00:00Z", to="2026-11-22T00:59:59Z", step=60).json["points"]) == 1500


@pytest.mark.parametrize(
    "query",
    [
        {"from": "2026-11-21T00:00:17Z", "to": "2026-11-22T00:00:51.5Z", "step": 60},
        {"from": "2026-11-21T00:00:17Z", "to": "2026-11-22T00:00:51.5Z", "step": 90},
        {"from": "2026-08-14T00:01:00Z", "to": "2026-11-22T00:00:00Z", "step": 6000},
    ],
)
def test_a_history_reads_sums_only_whatever_its_times(monkeypatch: pytest.MonkeyPatch, query: dict[str, Any]) -> None:
    """One anonymous question used to cost 24,756 read units: it read a day of readings at each point's second."""
    last = datetime(2026, 11, 22, tzinfo=UTC)
    store_all("busy", {last - number * timedelta(minutes=1) + timedelta(seconds=30): 1 for number in range(1500)})
    with requests_to_dynamodb(monkeypatch) as asked:
        answer = call("GET", "/api/sensors/{sensor}/history", path={"sensor": "busy"}, query=query)
    assert answer.status == 200
    assert [operation for operation, _ in asked] == ["BatchGetItem", "Query"]
    items = [item for _, answer in asked for item in items_of(answer)]
    assert [item for item in items if item["position"]["S"].startswith("reading#")] == []
    got, queried = (items_of(answer) for _, answer in asked)
    units = len(got) + math.ceil(sum(map(size_of, queried)) / 8192)  # a get costs one for each item below 4 KiB
    assert units <= 30


def test_reads_do_not_grow_with_the_number_of_readings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten years of readings, thinned: one in each month, one on each day of the last month, all of the last day.

    Items for a month or an hour are as large as they can get, so this measures the cost of ten years.
    """
    months = [datetime(2016 + number // 12, number % 12 + 1, 3, 4, 5, 30, tzinfo=UTC) for number in range(120)]
    last_month = [datetime(2025, 12, day, 1, tzinfo=UTC) for day in range(1, 31)]
    last_day = datetime(2025, 12, 31, tzinfo=UTC)
    dense = [last_day + number * timedelta(minutes=5) for number in range(1, 289)]
    readings = {ts: 123 - 37 * (number % 7) for number, ts in enumerate([*months, *last_month, *dense])}
    store_all("dense", readings)

    with requests_to_dynamodb(monkeypatch) as asked:
        assert instants.current("dense") == sum(readings.values())
    assert [len(items_of(answer)) for _, answer in asked] == [1]

    with requests_to_dynamodb(monkeypatch) as asked:
        late = datetime(2025, 12, 31, 23, 55, 30, tzinfo=UTC)
        assert instants.at("dense", late) == sum(change for ts, change in readings.items() if ts <= late)
    assert [operation for operation, _ in asked] == ["BatchGetItem", "Query"]
    items = [item for _, answer in asked for item in items_of(answer)]
    assert len(items) <= 27
    assert sum(map(size_of, items)) < 8 * 1024, "the sum in docs/occupancy.md"

    with requests_to_dynamodb(monkeypatch) as asked:
        found = history.points("dense", last_day, last_day + timedelta(days=1), timedelta(minutes=5))
    assert len(found) == 289
    assert [operation for operation, _ in asked] == ["BatchGetItem", "Query"]
    assert sum(size_of(item) for _, answer in asked for item in items_of(answer)) < 12 * 1024


LOST = VerboseClientError(
    {"Error": {"Code": "TransactionCanceledException", "Message": "lost"}},
    "TransactWriteItems",
    {"request_id": "", "table_name": ""},
    cancellation_reasons=[CancellationReason(code="TransactionConflict")],
)


def test_twenty_writers_with_conflicts_on_one_sensor_count_exactly(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    original = Connection._make_api_call
    busy = threading.Lock()

    def conflicting(self: Connection, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """As DynamoDB: of concurrent transactions on one item, one wins and the others get a conflict."""
        if operation != "TransactWriteItems":
            return original(self, operation, arguments)
        if not busy.acquire(blocking=False):
            raise LOST
        try:
            return original(self, operation, arguments)
        finally:
            busy.release()

    monkeypatch.setattr(Connection, "_make_api_call", conflicting)
    tables.connection()

    def write() -> None:
        for _ in range(5):
            reading_id, stored = ids.new_id(), False
            while not stored:  # as a client does that gets a 429: nothing was stored, and the key is the same
                with contextlib.suppress(ApiError):
                    recording.record(Reading(sensor="busy", ts=NOON, in_count=2, out=1), reading_id)
                    stored = True

    writers = [threading.Thread(target=write) for _ in range(20)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert instants.current("busy") == 100
    assert instants.at("busy", NOON) == 100


def test_a_reading_that_keeps_losing_is_a_429_and_is_not_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Connection._make_api_call

    def losing(self: Connection, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        if operation == "TransactWriteItems":
            raise LOST
        return original(self, operation, arguments)

    monkeypatch.setattr(Connection, "_make_api_call", losing)
    monkeypatch.setattr(recording, "commit", partial(commit, retry_seconds=0.2))
    answer = report("abc", "2026-11-22T06:10:30Z", 1, 0)
    assert (answer.status, answer.json["subcode"]) == (429, 4290)
    assert inside("abc").status == 404


# --- who may report -------------------------------------------------------------------------------

BODY = json.dumps({"sensor": "abc", "ts": clock.format_time(NOON), "in_count": 1, "out": 0})


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> str:
    """The deployment has a webhook secret."""
    arn = client("secretsmanager").create_secret(Name=ids.new_id(), SecretString="shared")["ARN"]
    monkeypatch.setenv("WEBHOOK_SECRET_ARN", arn)
    return "shared"


def send(headers: Mapping[str, str], body: str = BODY) -> Answer:
    return call("POST", "/api/webhook", body=body, headers=headers)


def signed(key: str = "", secret: str = "shared", body: str = BODY, **times: float) -> dict[str, str]:
    time = str(int((clock.now() + timedelta(**times)).timestamp()))
    headers = {
        "X-Signature-Timestamp": time,
        "X-Signature-256": signatures.signature(secret.encode(), time, key, body.encode()),
    }
    return {**headers, "Idempotency-Key": key} if key else headers


@pytest.mark.parametrize("key", ["", "a key"])
@pytest.mark.parametrize("minutes", [-4.9, 0, 4.9])
def test_a_signed_reading_is_accepted_within_5_minutes(secret: str, key: str, minutes: float) -> None:
    assert send(signed(key, minutes=minutes)).json == {"message": "OK"}


def test_a_signature_is_accepted_once(secret: str) -> None:
    headers = signed()
    assert send(headers).status == 200
    assert send(headers).json["msg"] == "Signature has been used"
    assert inside("abc").json["inside"] == 1


def test_a_reading_that_is_signed_again_with_its_key_counts_once(secret: str) -> None:
    assert [send(signed("a key", seconds=seconds)).status for seconds in range(3)] == [200] * 3
    assert inside("abc").json["inside"] == 1


TOO_FAR = "X-Signature-Timestamp is not within 5 minutes of now"


def _without(name: str) -> dict[str, str]:
    return {other: value for other, value in signed("a key").items() if other != name}


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        (dict, "Missing X-Signature-256 Header"),
        (lambda: _without("X-Signature-256"), "Missing X-Signature-256 Header"),
        (lambda: _without("X-Signature-Timestamp"), "Missing X-Signature-Timestamp Header"),
        (lambda: _without("Idempotency-Key"), "Signature verification failed"),
        (lambda: {**signed(), "Idempotency-Key": "added"}, "Signature verification failed"),
        (lambda: signed(secret="guessed"), "Signature verification failed"),
        (lambda: signed(body=BODY.replace("1", "2")), "Signature verification failed"),
        (lambda: {**signed(), "X-Signature-256": "sha256=é"}, "Signature verification failed"),
        (lambda: signed(minutes=-5.1), TOO_FAR),
        (lambda: signed(minutes=5.1), TOO_FAR),
        (lambda: {**signed(), "X-Signature-Timestamp": "now"}, "X-Signature-Timestamp is not within 5 minutes of now"),
        (
            lambda: {**signed(), "X-Signature-Timestamp": "9" * 400},
            "X-Signature-Timestamp is not within 5 minutes of now",
        ),
    ],
)
def test_any_other_reading_is_a_401(secret: str, headers: Callable[[], dict[str, str]], reason: str) -> None:
    answer = send(headers())
    assert (answer.status, answer.json["subcode"], answer.json["msg"]) == (401, 4132, reason)
    assert inside("abc").status == 404


@pytest.mark.parametrize("has_secret", [True, False])
def test_in_production_a_reading_needs_a_machines_token_or_a_signature(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, *, has_secret: bool
) -> None:
    monkeypatch.setenv("PUBLIC_READINGS", "off")
    if has_secret:
        request.getfixturevalue("secret")
    assert send({}).status == 401
    assert send({"Authorization": "Bearer garbage"}).json["msg"] == "Not enough segments"
    assert send({"Authorization": f"Bearer {access_token()}"}).status == 403
    issued = call("POST", "/api/tokens", body={"name": "door"}, token=admin_token()).json
    assert send({"Authorization": f"Bearer {issued['api_token']}"}).json == {"message": "OK"}


def test_public_readings_need_nothing_and_ignore_tokens() -> None:
    assert send({}).status == send({"Authorization": "Bearer garbage"}).status == 200


def test_the_example_of_the_documentation_signs_a_reading(secret: str, tmp_path: Path) -> None:
    text = (ROOT / "docs" / "occupancy.md").read_text(encoding="utf-8")
    (example,) = [block for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) if "openssl" in block]
    curl = tmp_path / "curl"
    curl.write_text("#!/bin/sh\nprintf '%s\\0' \"$@\" > arguments\n", encoding="utf-8")
    curl.chmod(0o755)
    variables = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "BASE": "https://api", "SECRET": secret}
    subprocess.run(["bash", "-euc", example], cwd=tmp_path, env=variables, check=True, timeout=10)
    sent = (tmp_path / "arguments").read_text(encoding="utf-8").split("\0")
    values = dict(pairwise(sent))
    headers = dict(value.split(": ", 1) for name, value in pairwise(sent) if name == "-H")
    assert send(headers, values["-d"]).json == {"message": "OK"}
