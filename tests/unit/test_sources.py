"""Sources: registered by their signals, described by people, and watched for silence."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from sitewatch import clock, due
from sitewatch.callers import Role
from sources import finding, registry, silence
from sources.model import SourceKind, SourceRecord
from tests.world.calling import Answer, access_token, call
from tests.world.faults import Call, Fault, Wire, one_invocation
from tests.world.watching import later

GATE = (SourceKind.CAMERA, "gate")


def put(name: str = "gate", kind: str = "camera", *, if_match: str | None = None, **description: Any) -> Answer:
    return call(
        "PUT",
        "/sources/{kind}/{name}",
        path={"kind": kind, "name": name},
        token=access_token(Role.ADMIN),
        headers={"If-Match": if_match} if if_match else {},
        body=description,
    )


def get(name: str = "gate", kind: str = "camera") -> Answer:
    return call("GET", "/sources/{kind}/{name}", path={"kind": kind, "name": name}, token=access_token())


def delete(name: str = "gate", *, if_match: str | None = None) -> Answer:
    return call(
        "DELETE",
        "/sources/{kind}/{name}",
        path={"kind": "camera", "name": name},
        token=access_token(Role.ADMIN),
        headers={"If-Match": if_match} if if_match else {},
    )


def names(**query: object) -> list[str]:
    answer = call("GET", "/sources", query=query, token=access_token())
    assert answer.status == 200, answer.text
    return [one["name"] for one in answer.json["sources"]]


def test_the_first_signal_registers_a_source_and_later_ones_cost_no_call() -> None:
    now = clock.now()
    assert registry.observe({GATE: now}) == {GATE: None}
    assert get().json.items() >= {"state": "unknown", "first_seen": clock.format_time(now)}.items()
    with one_invocation() as wire:
        registry.observe({GATE: now + timedelta(seconds=59)})
    assert wire.calls == []
    registry.observe({GATE: now + timedelta(seconds=61)})
    assert get().json["last_seen"] == clock.format_time(now + timedelta(seconds=61))


def test_last_seen_is_written_four_times_in_the_expected_period() -> None:
    put(expected_every=60)
    now = clock.now()
    with one_invocation() as wire:
        for second in range(60):
            registry.observe({GATE: now + timedelta(seconds=second)})
    assert len(wire.operations("PutItem")) == 4


def test_an_older_signal_does_not_move_last_seen_back() -> None:
    now = clock.now()
    registry.observe({GATE: now})
    registry.forget()
    registry.observe({GATE: now - timedelta(seconds=5)})
    assert get().json["last_seen"] == clock.format_time(now)


def test_a_signal_that_conflicts_with_a_description_is_written_after_it() -> None:
    written: list[Any] = []

    def describe_first(made: Any) -> Fault | None:
        if made.operation == "PutItem" and not written:
            written.append(made)
            put(zone="north")
        return None

    with one_invocation(describe_first):
        assert registry.observe({GATE: clock.now()}) == {GATE: "north"}
    assert get().json["first_seen"] is not None


def test_a_source_is_late_and_then_silent_and_live_at_its_next_signal() -> None:
    put(expected_every=60, grace=120)
    assert get().json["state"] == "live"
    states = []
    for seconds in (74, 76, 194, 196):
        with later(seconds):
            states.append(finding.find(*GATE).state)
    assert states == ["live", "late", "late", "silent"]
    with later(196):
        now = clock.now()
        assert [(kind, name) for _, kind, name in silence.due(now)] == [GATE]
        for _ in range(2):  # a repeated timer does nothing
            silence.expire(*GATE, now)
    stored = finding.stored(*GATE)
    assert stored is not None
    assert (stored.state, stored.due) == ("silent", None)
    registry.observe({GATE: clock.now()})
    assert get().json["state"] == "live"


def test_a_timer_before_its_time_does_nothing_and_one_for_nothing_either() -> None:
    put(expected_every=60)
    silence.expire(*GATE, clock.now())
    silence.expire(SourceKind.DOOR, "nothing", clock.now())
    assert get().json["state"] == "live"


def test_a_signal_at_the_same_time_as_the_deadline_wins() -> None:
    put(expected_every=60)
    registry.forget()

    def signal_first(made: Any) -> Fault | None:
        if made.operation == "PutItem" and not written:
            written.append(made)
            registry.observe({GATE: clock.now() + timedelta(seconds=80)})
        return None

    written: list[Any] = []
    with one_invocation(signal_first):
        silence.expire(*GATE, clock.now() + timedelta(seconds=80))
    stored = finding.stored(*GATE)
    assert stored is not None
    assert stored.state == "live"


def test_a_description_is_replaced_and_its_version_protects_it() -> None:
    first = put(title="The gate", zone="north", expected_every=60)
    assert first.json.items() >= {"title": "The gate", "zone": "north", "grace": 0, "first_seen": None}.items()
    second = put(zone="south", if_match=first.headers["etag"])
    assert (second.json["title"], second.json["state"]) == (None, "unknown")
    assert put(zone="east", if_match=first.headers["etag"]).status == 412
    assert delete(if_match=first.headers["etag"]).status == 412
    assert delete(if_match=second.headers["etag"]).status == 204
    assert (get().status, delete().status) == (404, 404)


@pytest.mark.parametrize("fault", [Fault.CONFLICT, Fault.RESPONSE_LOST])
def test_a_delete_whose_response_is_lost_succeeds(fault: Fault) -> None:
    put()
    failed: list[Any] = []

    def first_transaction(made: Any) -> Fault | None:
        if made.operation != "TransactWriteItems" or failed:
            return None
        failed.append(made)
        return fault

    with one_invocation(first_transaction):
        assert delete().status == 204


def test_people_changes_reach_a_process_that_knew_the_source_before() -> None:
    now = clock.now()
    registry.observe({GATE: now})
    put(zone="north")
    with later(6):
        registry._revision.clear()
        assert registry.observe({GATE: now + timedelta(seconds=6)}) == {GATE: "north"}


@pytest.mark.parametrize(
    ("description", "field"),
    [
        ({"expected_every": 9}, "expected_every"),
        ({"grace": -1}, "grace"),
        ({"title": ""}, "title"),
        ({"zone": "a/b"}, "zone"),
        ({"state": "live"}, "state"),
    ],
)
def test_a_wrong_description_is_a_400_that_names_the_field(description: dict[str, Any], field: str) -> None:
    answer = put(**description)
    assert (answer.status, answer.json["detail"][0]["field"]) == (400, field)


def test_a_source_needs_a_name_and_a_kind_that_there_is() -> None:
    assert put(name=".gate").json["detail"][0]["field"] == "name"
    assert put(kind="toaster").status == 400


def test_sources_are_listed_by_kind_and_name_page_by_page_and_filtered() -> None:
    put("b", zone="north")
    put("a", zone="south", expected_every=60)
    put("front door", kind="door", zone="north")
    assert names() == ["a", "b", "front door"]
    assert names(kind="door") == ["front door"]
    assert names(zone="north") == ["b", "front door"]
    assert names(state="live") == ["a"]
    query: dict[str, object] = {"limit": 1}
    seen = []
    for _ in range(3):
        answer = call("GET", "/sources", query=query, token=access_token())
        seen += [one["name"] for one in answer.json["sources"]]
        query["start"] = answer.headers.get("link", "").partition("start=")[2].partition("&")[0]
    assert seen == ["a", "b", "front door"]
    assert "link" not in answer.headers
    assert call("GET", "/sources", query={"start": "Zm9v"}, token=access_token()).status == 400


def test_a_page_of_sources_makes_at_most_twelve_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "_PAGE", 1)
    for number in range(30):
        SourceRecord("door", f"door {number:02}", state="silent" if number == 29 else "live").save()
    found: list[str] = []
    query: dict[str, object] = {"state": "silent"}
    for _ in range(4):
        with one_invocation() as wire:
            answer = call("GET", "/sources", query=query, token=access_token())
        assert len(wire.calls) <= 11
        found += [one["name"] for one in answer.json["sources"]]
        if "link" not in answer.headers:
            break
        query["start"] = answer.headers["link"].partition("start=")[2].partition("&")[0]
    assert found == ["door 29"]


def test_the_zones_of_a_kind_are_read_in_pages() -> None:
    for number in range(3):
        SourceRecord("door", f"door {number}", zone="north" if number else None).save()
    assert finding.zones(SourceKind.DOOR) == {"door 1": "north", "door 2": "north"}


def test_a_bounded_number_of_pages_of_zones_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "_PAGE", 1)
    for number in range(13):
        SourceRecord("door", f"door {number:02}", zone="north").save()
    with one_invocation() as wire:
        assert len(finding.zones(SourceKind.DOOR)) == 11
    assert len(wire.calls) == 11


def test_a_page_is_bounded_over_all_kinds_and_reads_only_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "_PAGE", 2)
    for number in range(21):  # 10 full pages, and a half one that is the last of its kind
        SourceRecord("camera", f"camera {number:02}").save()
    SourceRecord("door", "front door", state="live").save()
    found, requests = [], []
    following: dict[str, str] | None = {"state": "live"}
    while following is not None:
        with one_invocation() as wire:
            answer = call("GET", "/sources", query=following, token=access_token())
        requests.append(len(wire.calls))
        found += [one["name"] for one in answer.json["sources"]]
        following = answer.next_query
    assert (found, requests[0], len(requests)) == (["front door"], 11, 2)
    with one_invocation() as wire:
        call("GET", "/sources", query={"limit": 5}, token=access_token())
    assert [len(made.response["Items"]) for made in wire.calls] == [6]


def add(kind: str, name: str, zone: str | None, **differing: Any) -> SourceRecord:
    source = SourceRecord(kind, name, **differing)
    source.move_to(zone)
    source.save()
    return source


@pytest.mark.parametrize("limit", [1, 2, 5, 100])
@pytest.mark.parametrize("kind", [None, "camera", "device", "door"])
@pytest.mark.parametrize("state", [None, "live"])
def test_the_pages_of_a_zone_hold_each_of_its_sources_once_by_kind_and_name(
    kind: str | None, state: str | None, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "_PAGE", 5)
    monkeypatch.setattr(finding, "_BATCH", 2)
    monkeypatch.setattr(finding, "MAX_REQUESTS", 3)
    added = [
        add(of, f"{number % 7} of {zone}", zone, state="live" if number % 3 else "silent")
        for of in ("door", "camera", "instrument")
        for zone in ("north", "north-west", None)
        for number in range(7)
    ]
    expected = sorted(
        (source.kind, source.name)
        for source in added
        if source.zone == "north" and kind in (None, source.kind) and state in (None, source.state)
    )
    asked = {"zone": "north", "kind": kind, "state": state, "limit": limit}
    following: Mapping[str, object] | None = {name: value for name, value in asked.items() if value is not None}
    found = []
    while following is not None:
        with one_invocation() as wire:
            answer = call("GET", "/sources", query=following, token=access_token())
        assert len(wire.calls) <= 3
        found += [(one["kind"], one["name"]) for one in answer.json["sources"]]
        assert len(found) <= len(expected)
        following = answer.next_query
    assert found == expected


def test_sources_of_other_zones_are_not_read() -> None:
    for number in range(250):
        add("camera", f"camera {number:03}", "north" if number % 2 else "south")
    with one_invocation() as wire:
        answer = call("GET", "/sources", query={"zone": "north"}, token=access_token())
    assert len(answer.json["sources"]) == 100
    assert answer.next_query is not None
    # 101 keys, a hundred sources, and the one that shows that there are more.
    assert [made.operation for made in wire.calls] == ["Query", "BatchGetItem", "BatchGetItem"]


def test_a_source_that_leaves_its_zone_leaves_the_list_of_the_zone() -> None:
    put("a", zone="north")
    put("b", zone="north")
    put("c", zone="north")
    put("a", zone="south")
    put("b")
    assert (names(zone="north"), names(zone="south")) == (["c"], ["a"])
    assert SourceRecord.get("camera", "b").zone_position is None


def test_a_sighting_does_not_write_the_index_of_zones() -> None:
    put("a", zone="north", expected_every=60)
    before = SourceRecord.get("camera", "a")
    registry.observe({(SourceKind.CAMERA, "a"): clock.now()})
    after = SourceRecord.get("camera", "a")
    assert after.last_seen != before.last_seen
    assert (after.zone, after.zone_position) == (before.zone, before.zone_position) == ("north", "camera/a")


def test_a_source_that_has_just_left_the_zone_is_left_out_although_the_index_still_has_it() -> None:
    put("a", zone="north")
    put("b", zone="north")

    def meanwhile(made: Call) -> None:
        if made.operation == "BatchGetItem":
            wire.fault_of = lambda _: None
            put("a", zone="south")

    with Wire(meanwhile) as wire, wire.invocation():
        assert names(zone="north") == ["b"]


def test_a_name_that_is_too_long_for_a_key_is_not_looked_up() -> None:
    with one_invocation() as wire:
        assert finding.stored(SourceKind.CAMERA, "語" * 1000) is None
    assert wire.calls == []


@pytest.mark.parametrize("fault", [Fault.CONFLICT, Fault.RESPONSE_LOST])
def test_a_description_is_stored_once_despite_a_fault(fault: Fault) -> None:
    put()
    faults = iter([fault])

    def first_transaction(made: Any) -> Fault | None:
        return next(faults, None) if made.operation == "TransactWriteItems" else None

    with one_invocation(first_transaction):
        answer = put(title="South", if_match='"1"')
    assert (answer.status, answer.headers["etag"], registry.revision()) == (200, '"2"', 2)


def test_of_two_descriptions_of_one_version_one_is_stored() -> None:
    put()
    others = iter(["East"])

    def describe_first(made: Any) -> None:
        if made.operation == "TransactWriteItems" and (title := next(others, None)):
            put(title=title)

    with one_invocation(describe_first):
        assert put(title="South", if_match='"1"').status == 412
    assert get().json["title"] == "East"


def test_a_new_process_writes_only_what_is_due() -> None:
    now = clock.now()
    registry.observe({GATE: now})
    registry.forget()
    with one_invocation() as wire:
        registry.observe({GATE: now + timedelta(seconds=59)})
    assert wire.operations("PutItem") == []
    registry.observe({GATE: now + timedelta(seconds=61)})
    assert get().json["last_seen"] == clock.format_time(now + timedelta(seconds=61))


def test_a_process_that_did_not_see_a_source_go_silent_makes_it_live_at_its_next_signal() -> None:
    put(expected_every=40)
    now = clock.now()
    registry.observe({GATE: now})
    silence.expire(*GATE, now + timedelta(seconds=50))
    registry.forget()
    registry.observe({GATE: now + timedelta(seconds=1)})
    assert get().json["state"] == "live"


def test_a_batch_may_have_more_sources_than_a_process_remembers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_MAX_KNOWN", 3)
    arrivals = {(SourceKind.CAMERA, f"camera {number}"): clock.now() for number in range(5)}
    for _ in range(2):
        assert registry.observe(arrivals) == dict.fromkeys(arrivals)
        assert len(registry._known) <= 3


def test_a_batch_fails_while_others_keep_changing_its_source() -> None:
    def describe_first(made: Any) -> None:
        if made.operation == "PutItem":
            put()

    with one_invocation(describe_first), pytest.raises(registry.RegisteringFailed):
        registry.observe({GATE: clock.now()})


def test_what_is_due_is_read_in_a_bounded_number_of_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(due, "_PAGE", 2)
    for number in range(25):
        put(f"camera {number:02}", expected_every=10)
    with one_invocation() as wire:
        found = list(silence.due(clock.now() + timedelta(minutes=1)))
    assert (len(found), len(wire.calls)) == (20, 10)


@pytest.mark.parametrize("operation", ["Query", "PutItem"])
def test_an_error_of_the_table_fails_the_timer_and_the_batch(operation: str) -> None:
    put(expected_every=60)
    at = clock.now() + timedelta(seconds=80)
    with one_invocation(lambda made: Fault.THROTTLED if made.operation == operation else None):
        with pytest.raises(Exception, match="Throttling"):
            silence.expire(*GATE, at)
        with pytest.raises(Exception, match="Throttling"):
            registry.observe({GATE: at})
    stored = finding.stored(*GATE)
    assert stored is not None
    assert (stored.state, stored.last_seen) == ("live", None)
