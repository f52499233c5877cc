"""Data points: decoded exactly, stored once, and listed at the same cost on every page."""

import json
import math
import random
import struct
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pynamodb.connection import Connection

from datapoints import float32, listing, on_schedule_populate, populating, simulation, source
from datapoints.source import SourceFailed, SourcePoint
from sitewatch import clock, http_client, timeline
from sitewatch.http_client import Request
from sitewatch.paging import encode_cursor
from sitewatch.timeline import counts_in
from tests.world.aws import client
from tests.world.calling import Answer, Context, access_token, admin_token, call
from tests.world.servers import MISBEHAVIOURS, answering, serving

ONE = [0, 0, 128, 63]
CONTRACTS_EXAMPLE = [157, 42, 76, 190]
NOW = int(clock.now().timestamp())


def encoded(**changes: object) -> bytes:
    return json.dumps({"time": NOW, "value": ONE, "tags": ["a"], **changes}).encode()


def parsed(**changes: object) -> SourcePoint:
    return SourcePoint.model_validate_json(encoded(**changes))


def keep(time: datetime, *tags: str, value: list[int] | None = None) -> None:
    populating.store(
        populating.to_record(parsed(time=int(time.timestamp()), tags=list(tags), value=value or ONE), fetched_at=time)
    )


def listed(*, admin: Any = False, **query: Any) -> Answer:
    return call("GET", "/api/data", query=query, token=admin_token() if admin else access_token())


def times(answer: Answer) -> list[str]:
    return [point["time"] for point in answer.json]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Record the queries that DynamoDB receives from now on."""
    seen: list[dict[str, Any]] = []
    original = Connection._make_api_call

    def listening(self: Connection, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        seen.append(arguments)
        answer: dict[str, Any] = original(self, operation, arguments)
        return answer

    monkeypatch.setattr(Connection, "_make_api_call", listening)
    return seen


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_bit_pattern_is_decoded_exactly_or_rejected(bits: int) -> None:
    four_bytes = bits.to_bytes(4, "little")
    (expected,) = struct.unpack("<f", four_bytes)
    if math.isfinite(expected):
        decoded = float32.decode(four_bytes)
        assert struct.pack("<d", decoded) == struct.pack("<d", expected)
        assert json.loads(json.dumps(decoded)) == expected
    else:
        with pytest.raises(ValueError, match="finite"):
            float32.decode(four_bytes)


def test_the_contracts_example() -> None:
    assert float32.decode(bytes(CONTRACTS_EXAMPLE)) == -0.19938130676746368


@pytest.mark.parametrize(
    "changes",
    [
        {"time": "1700000000"},
        {"time": 1700000000.5},
        {"time": True},
        {"time": None},
        {"time": -1},
        {"time": int(clock.LATEST.timestamp())},
        {"time": 10**400},
        {"value": [0, 0, 128]},
        {"value": [0, 0, 128, 63, 0]},
        {"value": [0, 0, 128, 256]},
        {"value": [0, 0, 128, -1]},
        {"value": [0, 0, 128, 1.0]},
        {"value": [0, 0, 128, True]},
        {"value": "AACAPw=="},
        {"value": [0, 0, 192, 127]},
        {"value": [0, 0, 128, 127]},
        {"value": [0, 0, 128, 255]},
        {"tags": None},
        {"tags": [1]},
        {"tags": ["x" * 65]},
        {"tags": ["x"] * 33},
    ],
)
def test_an_invalid_data_point_is_rejected(changes: dict[str, object]) -> None:
    with serving(answering(encoded(**changes))) as server, pytest.raises(SourceFailed, match="returned a bad"):
        source.fetch(server.url)


@pytest.mark.parametrize(("ahead", "is_valid"), [(299, True), (301, False)])
def test_a_point_dated_more_than_five_minutes_ahead_is_a_bad_answer(
    monkeypatch: pytest.MonkeyPatch, ahead: int, is_valid: bool
) -> None:
    monkeypatch.setattr(clock, "now", lambda: datetime.fromtimestamp(NOW, UTC))
    with serving(answering(encoded(time=NOW + ahead))) as server:
        answer = populated(monkeypatch, server.url)
    if is_valid:
        assert answer.status == 200
    else:
        assert (answer.status, answer.json["subcode"]) == (502, 5020)
        assert answer.json["detail"] == "the source returned a bad time"
        assert listed(admin=True).json == []


def test_an_integral_float_is_a_valid_time() -> None:
    assert parsed(time=1700000000.0).time == 1700000000


def populated(monkeypatch: pytest.MonkeyPatch, url: str, method: str = "POST") -> Answer:
    monkeypatch.setenv("DATA_SOURCE_URL", url)
    return call(method, "/api/populate", token=admin_token())


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_populate_fetches_stores_and_returns_a_point(monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    with serving(answering(encoded(value=CONTRACTS_EXAMPLE))) as server:
        answer = populated(monkeypatch, f"{server.url}/point", method)
    point = {
        "time": clock.format_time(datetime.fromtimestamp(NOW, UTC)),
        "value": -0.19938130676746368,
        "valid": True,
        "tags": ["a"],
    }
    assert (answer.status, answer.json) == (200, point)
    assert listed().json == [point]
    assert server.requests[0].startswith(b"GET /point ")


def test_a_repeated_point_is_stored_once_even_if_it_is_too_old_by_then() -> None:
    fresh = parsed(tags=["b", "a"])
    again = parsed(tags=["a", "b"])
    at = datetime.fromtimestamp(NOW, UTC)
    assert populating.store(populating.to_record(fresh, fetched_at=at))
    assert not populating.store(populating.to_record(again, fetched_at=at + timedelta(hours=2)))
    assert populating.store(populating.to_record(parsed(tags=["a"]), fetched_at=at))
    assert populating.store(populating.to_record(parsed(value=[0, 0, 0, 128], tags=["a"]), fetched_at=at))
    values = [point["value"] for point in listed(admin=True).json]
    assert sorted(map(str, values)) == ["-0.0", "1.0", "1.0"]
    counts = client("dynamodb").scan(TableName="DataPointCountsTable")["Items"]
    assert [(item["counter"]["S"], *counts_in(item).values()) for item in counts] == [
        ("all", 3),
        ("all", 3),
        ("valid", 3),
        ("valid", 3),
    ]


def test_a_repeated_point_is_returned_as_first_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(answering(encoded())) as server:
        first = populated(monkeypatch, server.url)
        monkeypatch.setattr(clock, "now", lambda: datetime.fromtimestamp(NOW, UTC) + timedelta(hours=3))
        assert populating.populate(server.url).tags == first.json["tags"] == ["a"]


@pytest.mark.parametrize(
    ("tags", "age", "valid"),
    [
        ((), 0, True),
        (("simulated",), 3600, True),
        (("System", "suspects"), 0, True),
        ((), 3601, False),
        (("system",), 0, False),
        (("a", "suspect"), 0, False),
        (("too old",), 0, False),
    ],
)
def test_a_point_is_valid_unless_it_has_an_invalidating_tag_or_is_too_old(
    tags: tuple[str, ...], age: int, valid: bool
) -> None:
    fetched_at = datetime.fromtimestamp(NOW, UTC)
    point = populating.to_record(parsed(time=NOW - age, tags=list(tags)), fetched_at=fetched_at)
    populating.store(point)
    assert (listed().json != []) is valid
    [seen] = listed(admin=True).json
    assert seen["valid"] is valid
    assert seen["tags"].count("too old") == (age > 3600 or "too old" in tags)


@pytest.mark.parametrize("misbehaviour", MISBEHAVIOURS)
def test_a_misbehaving_source_is_a_502_and_does_not_stop_the_schedule(
    misbehaviour: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(source, "Request", partial(Request, timeout_seconds=0.3))
    with serving(MISBEHAVIOURS[misbehaviour]) as server:
        answer = populated(monkeypatch, server.url)
        assert (answer.status, answer.json["subcode"], answer.json["error"]) == (502, 5020, "No Data Point Available")
        assert "Traceback" not in answer.text
        assert "127.0.0.1" not in answer.text
        on_schedule_populate.handler({}, Context())
    assert listed(admin=True).json == []
    assert capsys.readouterr().out.count('"DataPointsMissed":[1.0]') == 2


@pytest.mark.parametrize("status", ["500 Oops", "503 Busy", "404 Gone", "204 Nothing", "302 Found"])
def test_a_status_other_than_200_is_a_502(monkeypatch: pytest.MonkeyPatch, status: str) -> None:
    with serving(answering(b"" if status.startswith("204") else encoded(), status)) as server:
        assert populated(monkeypatch, server.url).status == 502


def test_a_source_at_a_metadata_address_is_a_502(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        http_client, "address_of", lambda host, port: (_ for _ in ()).throw(http_client.RequestFailed("no"))
    )
    assert populated(monkeypatch, "http://169.254.169.254/latest/meta-data/").status == 502
    assert populated(monkeypatch, "").status == 502


def test_only_admins_may_populate() -> None:
    assert call("POST", "/api/populate", token=access_token()).status == 403
    assert call("GET", "/api/populate").status == 401


DAY = datetime(2026, 3, 1, tzinfo=UTC)


def three_days() -> list[str]:
    """Store five points on each of three days; those of odd minutes are suspect. Return their times."""
    kept = []
    for day in (0, 3, 40):
        for minute in range(5):
            at = DAY + timedelta(days=day, minutes=minute)
            keep(at, *(["suspect"] if minute % 2 else []))
            kept.append(clock.format_time(at))
    return kept


def test_users_list_valid_points_and_admins_all_oldest_first() -> None:
    kept = three_days()
    assert times(listed(admin=True)) == kept
    assert times(listed()) == [kept[number] for number in (0, 2, 4, 5, 7, 9, 10, 12, 14)]


@pytest.fixture
def counts_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also to skip a few."""
    monkeypatch.setattr(timeline, "FEW", 0)


@pytest.mark.usefixtures("counts_are_used")
@pytest.mark.parametrize("admin", [True, False])
def test_pages_by_cursor_and_by_skip_cover_the_list(admin: bool) -> None:
    three_days()
    whole = times(listed(admin=admin))
    for limit in (1, 2, 5, 9, 1000):
        seen: list[str] = []
        query: dict[str, str] | None = {"limit": str(limit)}
        while query is not None:
            answer = listed(admin=admin, **query)
            seen += times(answer)
            query = answer.next_query
        assert seen == whole
        for skip in range(len(whole) + 2):
            assert times(listed(admin=admin, skip=skip, limit=limit)) == whole[skip : skip + limit]


@pytest.mark.usefixtures("counts_are_used")
def test_start_and_end_are_inclusive() -> None:
    kept = three_days()
    for first in range(0, 15, 2):
        for last in range(first, 15, 3):
            found = listed(admin=True, start=kept[first], end=kept[last])
            assert times(found) == kept[first : last + 1]
            deeper = listed(admin=True, start=kept[first], end=kept[last], skip=1, limit=2)
            assert times(deeper) == kept[first : last + 1][1:3]
            if deeper.next_query:
                assert times(listed(admin=True, **deeper.next_query)) == kept[first : last + 1][3:5]
    assert times(listed(admin=True, start=kept[5], end=kept[4])) == []


@pytest.mark.usefixtures("counts_are_used")
def test_skip_counts_only_points_between_start_and_end() -> None:
    kept = three_days()
    for skip in range(14):
        assert times(listed(admin=True, start=kept[2], end=kept[12], skip=skip)) == kept[2:13][skip:]


@pytest.mark.usefixtures("counts_are_used")
def test_skip_does_not_read_the_months_it_skips(asked: list[dict[str, Any]]) -> None:
    kept = three_days()
    token = admin_token()
    asked.clear()
    answer = call("GET", "/api/data", query={"skip": "12", "limit": "2"}, token=token)
    assert times(answer) == kept[12:14]
    _, _, points = of_points(asked)
    assert [value["S"] for value in points["ExpressionAttributeValues"].values()] == ["all", "2026-03~", "~"]


@pytest.mark.usefixtures("counts_are_used")
@pytest.mark.parametrize(("days", "consistent"), [(40, True), (80, False)])
def test_the_current_hours_are_not_older_than_the_months(
    days: int, consistent: bool, asked: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    three_days()
    asked.clear()
    monkeypatch.setattr(clock, "now", lambda: DAY + timedelta(days=days))
    listing.page(None, None, only_valid=False, skip=12, after=None, limit=2)
    assert [query.get("ConsistentRead", False) for query in asked] == [False, consistent, False]


def of_points(asked: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The queries of data points and their counts; a request may also read the status of its user."""
    return [query for query in asked if query["TableName"] != "UserStatusTable"]


def test_a_users_request_does_not_read_invalid_points(asked: list[dict[str, Any]]) -> None:
    three_days()
    token = access_token()
    asked.clear()
    call("GET", "/api/data", token=token)
    [query] = of_points(asked)
    assert (query["IndexName"], "FilterExpression" in query) == ("valid_by_time", False)


@pytest.mark.parametrize("admin", [True, False])
@pytest.mark.parametrize("apart", [timedelta(minutes=1), timedelta(hours=1), timedelta(days=1), timedelta(days=31)])
def test_a_page_is_one_query_however_sparse_the_points_are_and_a_deep_skip_at_most_three(
    admin: bool, apart: timedelta, asked: list[dict[str, Any]]
) -> None:
    kept = [DAY - number * apart for number in reversed(range(60))]
    for at in kept:
        keep(at)
    token = admin_token() if admin else access_token()
    for skip, most in ((0, 1), (55, 3)):
        asked.clear()
        answer = call("GET", "/api/data", query={"skip": str(skip), "limit": "50"}, token=token)
        assert times(answer) == [clock.format_time(at) for at in kept[skip : skip + 50]]
        assert len(of_points(asked)) <= most


@pytest.mark.usefixtures("counts_are_used")
@pytest.mark.parametrize("requests", [4, 5, 7])
@pytest.mark.parametrize("more", [0, 1, 3])
def test_pages_of_few_and_small_reads_hold_the_same_in_smaller_pieces(
    requests: int, more: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = three_days()
    monkeypatch.setattr(timeline, "MAX_REQUESTS", requests)
    for limit in (1, 4):
        monkeypatch.setattr(timeline, "MAX_READ", limit + 1 + more)
        monkeypatch.setattr(timeline, "MAX_SKIPPED", 1 + more)
        for skip in range(0, 17, 2):
            for first in (0, 3, 7):
                seen: list[str] = []
                query: dict[str, str] | None = {"limit": str(limit), "skip": str(skip), "start": kept[first]}
                while query is not None:
                    answer = listed(admin=True, **query)
                    seen += times(answer)
                    query = answer.next_query
                assert seen == kept[first + skip :]


@pytest.mark.parametrize(
    ("field", "query"),
    [
        ("start", {"start": "yesterday"}),
        ("end", {"end": "2026-13-01T00:00:00Z"}),
        ("skip", {"skip": "-1"}),
        ("limit", {"limit": "1001"}),
        ("cursor", {"cursor": "%"}),
        ("cursor", {"cursor": encode_cursor("zzz")}),
    ],
)
def test_a_bad_parameter_is_a_400_that_names_the_field(field: str, query: dict[str, str]) -> None:
    answer = listed(**query)
    assert (answer.status, answer.json["detail"][0]["field"]) == (400, field)


def test_the_simulated_source_is_plausible_and_fails_occasionally() -> None:
    dice = random.Random(1)
    good, bad, out = [], 0, 0
    for second in range(2000):
        try:
            good.append(SourcePoint.model_validate_json(json.dumps(simulation.respond(NOW - second, dice))))
        except simulation.OutOfService:
            out += 1
        except ValueError:
            bad += 1
    assert 10 < out < 80
    assert 20 < bad < 120
    records = [populating.to_record(point, datetime.fromtimestamp(NOW, UTC)) for point in good]
    assert {tag for record in records for tag in record.tags} == {"simulated", "system", "suspect", "too old"}
    assert all(abs(float32.decode(record.value)) < 2 for record in records)


def test_the_simulated_source_needs_no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [call("GET", "/simulator/data-point") for _ in range(150)]
    assert {answer.status for answer in answers} <= {200, 503}
    assert any('"tags":["simulated"]' in answer.text for answer in answers)
