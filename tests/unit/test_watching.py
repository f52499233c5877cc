"""From signals to incidents: each kind of signal, exactly once, and what it costs."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from datapoints.populating import store, to_record
from datapoints.source import SourcePoint
from detections.arrival import KinesisRecord, split
from detections.storing import store as store_detections
from occupancy import recording as readings
from occupancy.model import Reading
from sitewatch import clock, ids
from sitewatch.callers import Role
from tests.world.calling import access_token, call
from tests.world.faults import one_invocation
from tests.world.pipeline import Record, vehicle
from tests.world.watching import Watch, act, incidents, later, make_rule


@pytest.fixture
def watch() -> Watch:
    return Watch()


def send_event(event_type: str = "door_forced", source: str = "gate", count: int = 1) -> None:
    body = [{"event_type": event_type, "event_payload": "x", "source": source}] * count
    answer = call("POST", "/api/event", token=access_token(), body=body)
    assert answer.status == 200, answer.text


def read_door(inside: int, *, sensor: str = "hall", ts: datetime | None = None) -> None:
    came, left = (inside, 0) if inside > 0 else (0, -inside)
    readings.record(Reading(sensor=sensor, ts=ts or clock.now(), in_count=came, out=left), ids.new_id())


def test_an_event_opens_an_incident_and_the_next_one_adds_to_it(watch: Watch) -> None:
    rule_id = make_rule(name="forced doors", on="event", match={"event_type": ["door_forced"]}, severity="critical")
    send_event()
    send_event("door_opened")
    watch.carry()
    [incident] = incidents()
    assert incident["rule"] == {"id": rule_id, "name": "forced doors", "version": 1}
    expected = {
        "number": 1,
        "severity": "critical",
        "state": "open",
        "subject": "gate",
        "title": "gate",
        "source": "gate",
        "occurrences": 1,
        "shadow": False,
    }
    assert incident.items() >= expected.items()
    send_event(count=3)
    send_event(source="yard")
    watch.carry()
    second, first = incidents()
    assert (first["id"], first["occurrences"]) == (incident["id"], 4)
    assert (second["number"], second["source"]) == (2, "yard")


def detect(watch: Watch, *, created_at: datetime | None = None, source: str = "north gate", **fields: Any) -> None:
    at = created_at or clock.now()
    report = vehicle(source=source, created_at=clock.format_time(at), **fields)
    arrived, _ = split([KinesisRecord.of(Record.of(1, report, arrived_at=clock.now()).event())])
    store_detections(arrived)
    watch.carry()


def test_a_detection_a_data_point_a_reading_and_a_silence_are_signals_too(watch: Watch) -> None:
    make_rule(name="suvs", on="detection", match={"suspicious": [True]}, text="{make} {model} in {zone}, {year}")
    make_rule(name="range", on="data_point", match={"value": [{"numeric": [">", 1.5]}]}, text="{value} from {source}")
    make_rule(name="full", on="occupancy", match={"inside": [{"numeric": [">", 9]}]}, text="{inside} in {source}")
    make_rule(name="silent", on="silence", match={"state": ["silent"]}, text="{kind} {source} is {state}")
    describe("camera", "north gate", zone="entrance")
    detect(watch)
    store(to_record(SourcePoint(time=int(clock.now().timestamp()), value=[0, 0, 0, 64], tags=[]), clock.now()))
    read_door(10)
    watch.carry()
    titles = {incident["rule"]["name"]: incident["title"] for incident in incidents()}
    assert titles == {"suvs": "Kia Sorento in entrance, 2020", "range": "2 from instrument", "full": "10 in hall"}
    zones = {incident["rule"]["name"]: incident["zone"] for incident in incidents()}
    assert zones == {"suvs": "entrance", "range": None, "full": None}


def describe(kind: str, name: str, **description: Any) -> None:
    path = {"kind": kind, "name": name}
    answer = call("PUT", "/sources/{kind}/{name}", path=path, token=access_token(Role.ADMIN), body=description)
    assert answer.status == 200, answer.text


def test_a_source_that_goes_silent_opens_an_incident_that_closes_with_its_next_signal(watch: Watch) -> None:
    make_rule(name="silent", on="silence", match={"state": ["silent"]}, text="{kind} {source} is {state}")
    send_event()
    watch.carry()
    describe("device", "gate", expected_every=60, grace=60)
    with later(70):  # it may be quiet for a quarter more than the time in which a signal is expected
        watch.tick()
    watch.carry()
    assert (sources(state="live"), incidents()) == (["gate"], [])
    with later(140):
        watch.tick()
    watch.carry()
    [incident] = incidents()
    assert (incident["title"], incident["state"]) == ("device gate is silent", "open")
    assert sources(state="silent") == ["gate"]
    send_event()
    watch.carry()
    watch.carry()
    [incident] = incidents()
    assert (incident["state"], incident["close_reason"], incident["closed_by"]) == ("closed", "ended", None)
    assert sources(state="live") == ["gate"]


def test_the_incident_about_a_silent_source_closes_when_the_source_is_deleted(watch: Watch) -> None:
    make_rule(on="silence", match={"state": ["silent"]})
    describe("device", "gate", expected_every=60)
    with later(80):
        watch.tick()
    watch.carry()
    assert [one["state"] for one in incidents()] == ["open"]
    path = {"kind": "device", "name": "gate"}
    call("DELETE", "/sources/{kind}/{name}", path=path, token=access_token(Role.ADMIN))
    watch.carry()
    assert [one["close_reason"] for one in incidents()] == ["ended"]


def sources(**query: object) -> list[str]:
    answer = call("GET", "/sources", query=query, token=access_token())
    return [one["name"] for one in answer.json["sources"]]


def test_a_value_that_holds_opens_an_incident_by_a_timer_and_closes_when_it_ends(watch: Watch) -> None:
    make_rule(on="occupancy", match={"inside": [{"numeric": [">", 9]}]}, hold=180, text="{inside} in {source}")
    read_door(12)
    watch.carry()
    watch.tick()
    assert incidents() == []
    with later(200):
        watch.tick()
        watch.tick()  # a late or repeated timer does nothing
    [incident] = incidents()
    assert (incident["title"], incident["occurrences"]) == ("12 in hall", 1)
    read_door(-4)
    watch.carry()
    assert [one["close_reason"] for one in incidents()] == ["ended"]


def test_an_incident_closes_after_its_quiet_time(watch: Watch) -> None:
    make_rule(on="event", match={"event_type": ["door_forced"]}, close_after=60)
    send_event()
    watch.carry()
    with later(61):
        watch.tick()
    [incident] = incidents(state="closed")
    assert incident["close_reason"] == "quiet"
    assert history(incident["id"]) == [("open", None), ("close", None)]


def history(incident_id: str) -> list[tuple[str, str | None]]:
    return [(one["act"], one["by"]) for one in detail(incident_id)["history"]]


def detail(incident_id: str) -> dict[str, Any]:
    answer = call("GET", "/incidents/{incident_id}", path={"incident_id": incident_id}, token=access_token())
    assert answer.status == 200, answer.text
    found: dict[str, Any] = answer.json
    return found


def test_an_incident_shows_which_leaves_matched_which_values(watch: Watch) -> None:
    make_rule(on="event", match={"event_type": [{"prefix": "door_"}], "source": ["gate"]})
    send_event(count=12)
    watch.carry()
    [incident] = incidents()
    evidence = detail(incident["id"])["evidence"]
    assert len(evidence) == 10
    assert evidence[-1]["matched"] == [
        {"leaf": "source.0", "value": "gate"},
        {"leaf": "event_type.0.prefix", "value": "door_forced"},
    ]
    assert (evidence[-1]["rule_version"], evidence[-1]["fields"]["event_payload"]) == (1, "x")


def test_a_batch_that_is_delivered_again_changes_nothing(watch: Watch) -> None:
    make_rule(on="event", match={"event_type": ["door_forced"]}, count={"at_least": 2, "within": 60})
    send_event(count=7)
    watch.carry(sizes=[3] * 9, rewinds=[2, 0, 3])
    assert [one["occurrences"] for one in incidents()] == [7]


def test_signals_that_match_nothing_cost_no_call(watch: Watch) -> None:
    make_rule(on="event", match={"event_type": ["door_forced"]})
    send_event("door_opened")
    watch.carry()
    send_event("door_opened", count=50)
    with one_invocation() as wire:
        watch.carry()
    assert wire.calls == []


def test_a_batch_that_touches_ten_incidents_is_one_read_and_one_transaction(watch: Watch) -> None:
    make_rule(on="event", match={"event_type": ["door_forced"]})
    for repeated in (False, True):
        for number in range(10):
            send_event(source=f"gate {number}", count=3)
        if not repeated:
            watch.carry()
    with one_invocation() as wire:
        watch.carry()
    assert [made.operation for made in wire.calls] == ["BatchGetItem", "TransactWriteItems"]
    assert [one["occurrences"] for one in incidents()] == [6] * 10


def test_a_storm_of_a_thousand_sources_is_one_incident_and_one_write_of_it_each(watch: Watch) -> None:
    make_rule(on="event", match={"event_type": ["door_forced"]})
    for number in range(0, 1000, 50):
        body = [
            {"event_type": "door_forced", "event_payload": "x", "source": f"gate {each}"}
            for each in range(number, number + 50)
        ]
        call("POST", "/api/event", token=access_token(), body=body * 2)
    with one_invocation() as wire:
        watch.carry(sizes=[2000])
    found = incidents(limit=1000)
    assert sorted(one["number"] for one in found) == list(range(1, 1001))
    assert {one["occurrences"] for one in found} == {2}
    written = [
        item["Put"]["Item"]["id"]["S"]
        for made in wire.operations("TransactWriteItems")
        for item in made.parameters["TransactItems"]
        if item.get("Put", {}).get("Item", {}).get("item", {}).get("S") == "incident"
    ]
    assert len(written) == len(set(written)) == 1000


def test_a_value_that_flaps_a_hundred_times_in_a_batch_is_written_in_parts(watch: Watch) -> None:
    make_rule(on="occupancy", match={"inside": [{"numeric": [">", 9]}]})
    for _ in range(100):
        read_door(10)
        read_door(-10)
    watch.carry()
    found = incidents(limit=1000)
    assert sorted(one["number"] for one in found) == list(range(1, 101))
    assert {one["state"] for one in found} == {"closed"}


def test_a_late_detection_opens_nothing(watch: Watch) -> None:
    make_rule(on="detection", match={"suspicious": [True]})
    detect(watch, created_at=clock.now() - timedelta(minutes=16))
    assert incidents() == []
    detect(watch, created_at=clock.now() - timedelta(minutes=14))
    assert len(incidents()) == 1


def test_a_late_reading_and_a_late_data_point_open_nothing_but_the_next_ones_do(watch: Watch) -> None:
    make_rule(name="full", on="occupancy", match={"inside": [{"numeric": [">", 9]}]})
    make_rule(name="range", on="data_point", match={"value": [{"numeric": [">", 1.5]}]})
    for minutes, opened in ((16, []), (14, ["full", "range"])):
        at = clock.now() - timedelta(minutes=minutes)
        read_door(10, ts=at)
        store(to_record(SourcePoint(time=int(at.timestamp()), value=[0, 0, 0, 64], tags=[]), clock.now()))
        watch.carry()
        assert sorted(one["rule"]["name"] for one in incidents()) == opened


def test_a_shadow_rule_marks_its_incidents(watch: Watch) -> None:
    make_rule(on="event", match={"event_type": ["door_forced"]}, mode="shadow")
    send_event()
    watch.carry()
    assert [one["shadow"] for one in incidents()] == [True]


def test_a_deleted_rule_closes_its_incidents(watch: Watch) -> None:
    rule_id = make_rule(on="event", match={"event_type": ["door_forced"]})
    send_event(source="gate")
    send_event(source="yard")
    watch.carry()
    [first, _] = incidents()
    assert act(first["id"], "acknowledge").status == 200
    call("DELETE", "/rules/{rule_id}", path={"rule_id": rule_id}, token=access_token(Role.ADMIN))
    watch.run_timers()
    assert {one["close_reason"] for one in incidents(state="closed")} == {"rule_deleted"}
    assert incidents(state="active") == []
