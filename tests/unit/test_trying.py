"""Trying a rule on stored signals gives what the rule gives live."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datapoints.populating import store, to_record
from datapoints.source import SourcePoint
from detections.arrival import KinesisRecord, split
from detections.storing import store as store_detections
from occupancy import recording
from occupancy.model import Reading
from sitewatch import clock, ids
from sitewatch.callers import Role
from tests.world import aws, instance
from tests.world.calling import Context, access_token, call
from tests.world.jobs import take
from tests.world.pipeline import Record, vehicle
from tests.world.watching import Watch, incidents, make_rule
from watching import on_queue_try

ADMIN = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


def try_rule(rule: dict[str, Any], since: datetime, until: datetime) -> dict[str, Any]:
    """Ask for a trial and run it; return its notification."""
    token = access_token(Role.ADMIN, subject=ADMIN)
    body = {"rule": {"name": "a rule", **rule}, "from": clock.format_time(since), "to": clock.format_time(until)}
    accepted = call("POST", "/rules/try", token=token, body=body)
    assert accepted.status == 202, accepted.text
    assert on_queue_try.handler({"Records": take()}, Context()) == {"batchItemFailures": []}
    found: dict[str, Any] = call("GET", "/notifications", token=token).json["notifications"][0]
    assert found["job_id"] == accepted.json["job_id"]
    return found


def detect(created_at: datetime, source: str = "gate", **fields: Any) -> None:
    report = vehicle(source=source, created_at=clock.format_time(created_at), **fields)
    arrived, _ = split([KinesisRecord.of(Record.of(1, report, arrived_at=clock.now()).event())])
    store_detections(arrived)


def test_a_trial_tells_what_the_rule_would_have_done_with_detections() -> None:
    start = clock.now() - timedelta(minutes=10)
    for minute in (0, 1, 5, 9):
        detect(start + timedelta(minutes=minute), model=f"model {minute}")
    detect(start + timedelta(minutes=2), category="Sedan")
    rule = {"on": "detection", "match": {"suspicious": [True]}, "close_after": 120, "text": "{model} at {source}"}
    found = try_rule(rule, start, clock.now())
    assert (found["title"], found["code"], found["is_error"]) == ("Rule Trial", 10098, False)
    tried = found["message"]["tried"]
    assert (tried["signals"], tried["opened"], tried["still_open"], tried["longest"]) == (5, 3, 1, 180)
    assert sum(tried["per_day"].values()) == 3
    assert tried["examples"][0] == {
        "opened_at": clock.format_time(start),
        "closed_at": clock.format_time(start + timedelta(minutes=3)),
        "occurrences": 2,
        "subject": "gate",
        "title": "model 0 at gate",
    }
    assert "current" not in found["message"]


def test_a_trial_compares_with_the_rule_of_the_same_name() -> None:
    start = clock.now() - timedelta(minutes=10)
    detect(start, year=2010)
    detect(start, year=2020)
    make_rule(on="detection", match={"year": [{"numeric": [">", 2015]}]}, per="year")
    found = try_rule({"on": "detection", "match": {"suspicious": [True]}, "per": "year"}, start, clock.now())
    assert [found["message"][name]["opened"] for name in ("tried", "current")] == [2, 1]


def test_a_trial_reads_events_data_points_and_readings_too() -> None:
    start = clock.now()
    body = {"event_type": "door_forced", "event_payload": "x", "source": "gate"}
    call("POST", "/api/event", token=access_token(), body=body)
    point = SourcePoint(time=int(start.timestamp()) + 1, value=[0, 0, 0, 64], tags=[])
    store(to_record(point, clock.now()))
    for came, left in ((6, 0), (6, 0), (0, 9)):
        recording.record(Reading(sensor="hall", ts=clock.now(), in_count=came, out=left), ids.new_id())
    call(
        "PUT",
        "/sources/{kind}/{name}",
        path={"kind": "door", "name": "hall"},
        token=access_token(Role.ADMIN),
        body={"zone": "east"},
    )
    end = clock.now() + timedelta(seconds=2)
    for rule, title in (
        ({"on": "event", "match": {"event_type": ["door_forced"]}, "text": "{event_payload} at {source}"}, "x at gate"),
        ({"on": "data_point", "match": {"value": [2]}, "text": "{value}"}, "2"),
        ({"on": "occupancy", "match": {"inside": [12], "zone": ["east"]}, "text": "{inside} in {zone}"}, "12 in east"),
    ):
        [example] = try_rule(rule, start - timedelta(seconds=1), end)["message"]["tried"]["examples"]
        assert example["title"] == title


def test_readings_before_the_time_count_as_inside() -> None:
    start = clock.now()
    recording.record(Reading(sensor="hall", ts=start - timedelta(minutes=5), in_count=8, out=0), ids.new_id())
    recording.record(Reading(sensor="hall", ts=start, in_count=1, out=0), ids.new_id())
    rule = {"on": "occupancy", "match": {"inside": [9]}}
    assert try_rule(rule, start - timedelta(seconds=1), clock.now())["message"]["tried"]["opened"] == 1


def test_a_trial_of_too_many_signals_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_queue_try, "MAX_SIGNALS", 1)
    start = clock.now() - timedelta(minutes=10)
    detect(start)
    detect(start, year=2021)
    found = try_rule({"on": "detection", "match": {"suspicious": [True]}}, start, clock.now())
    assert (found["is_error"], found["message"]["subcode"]) == (True, 4018)


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"to": "2026-11-01T00:00:00Z"}, "to"),
        ({"from": "2026-10-01T00:00:00Z"}, "to"),
        ({"rule": {"name": "r", "on": "silence", "match": {"state": ["silent"]}}}, "rule"),
        (
            {"rule": {"name": "r", "on": "event", "match": {"event_type": [{"prefix": 1}]}}},
            "rule.match.event_type.0.prefix",
        ),
    ],
)
def test_a_wrong_trial_is_a_400_that_names_the_field(more: dict[str, Any], field: str) -> None:
    rule = {"name": "r", "on": "event", "match": {"event_type": ["x"]}}
    body = {"rule": rule, "from": "2026-11-01T00:00:00Z", "to": "2026-11-02T00:00:00Z"} | more
    answer = call("POST", "/rules/try", token=access_token(Role.ADMIN), body=body)
    assert (answer.status, answer.json["detail"][0]["field"]) == (400, field)


RULES = st.fixed_dictionaries(
    {"on": st.just("detection"), "match": st.sampled_from([{"suspicious": [True]}, {"source": ["gate"]}])},
    optional={
        "count": st.fixed_dictionaries({"at_least": st.integers(1, 3), "within": st.integers(1, 120)}),
        "close_after": st.integers(1, 200),
        "per": st.sampled_from(["source", "rule", "category"]),
    },
)
PASSING = st.lists(
    st.tuples(st.integers(1, 60), st.sampled_from(["gate", "yard"]), st.sampled_from(["SUV", "Sedan"])), max_size=12
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rule=RULES, passing=PASSING)
def test_on_the_same_history_a_trial_gives_what_the_rule_gave_live(
    rule: dict[str, Any], passing: list[tuple[int, str, str]]
) -> None:
    instance.forget()
    aws.reset()
    watch = Watch()
    make_rule(**rule)
    at = start = clock.now() - timedelta(minutes=14)
    for number, (after, source, category) in enumerate(passing):
        at += timedelta(seconds=after)
        detect(at, source, category=category, model=f"model {number}")
        watch.carry()
    end = clock.now()
    watch.tick()
    live = [
        {name: one[name] for name in ("opened_at", "closed_at", "occurrences", "subject", "title")}
        for one in sorted(incidents(limit=1000), key=lambda one: one["opened_at"])
    ]
    tried = try_rule(rule, start, end)["message"]["tried"]
    assert tried["opened"] == len(live)
    assert sorted(map(json.dumps, tried["examples"])) == sorted(map(json.dumps, live[: len(tried["examples"])]))
