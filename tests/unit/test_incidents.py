"""Incidents and what people do to them."""

from datetime import timedelta
from typing import Any

import pytest

from sitewatch import clock
from sitewatch.callers import Role
from tests.world import people
from tests.world.calling import Answer, access_token, call
from tests.world.faults import Fault, at_call, one_invocation
from tests.world.watching import Watch, act, incidents, later, make_rule


@pytest.fixture
def watch() -> Watch:
    return Watch()


def open_incidents(watch: Watch, *sources: str, **rule: Any) -> list[str]:
    """Open an incident for each source, and return their ids in this order."""
    make_rule(on="event", match={"event_type": ["door_forced"]}, **rule)
    for source in sources:
        force(watch, source)
    by_source = {one["source"]: one["id"] for one in incidents()}
    return [by_source[source] for source in sources]


def force(watch: Watch, source: str) -> None:
    body = {"event_type": "door_forced", "event_payload": "x", "source": source}
    assert call("POST", "/api/event", token=access_token(), body=body).status == 200
    watch.carry()


def get(incident_id: str) -> Answer:
    return call("GET", "/incidents/{incident_id}", path={"incident_id": incident_id}, token=access_token())


def test_an_incident_goes_from_open_over_acknowledged_to_closed(watch: Watch) -> None:
    [incident_id] = open_incidents(watch, "gate")
    acknowledged = act(incident_id, "acknowledge", by="alice", note="I am on my way.")
    assert (acknowledged.status, acknowledged.json["state"]) == (200, "acknowledged")
    assert acknowledged.json["acknowledged_by"] == "alice"
    force(watch, "gate")
    closed = act(incident_id, "close", by="bob", reason="false_alarm")
    found = closed.json
    assert (found["state"], found["closed_by"], found["close_reason"]) == ("closed", "bob", "false_alarm")
    assert found["occurrences"] == 2
    history = get(incident_id).json["history"]
    assert [(one["act"], one["by"], one["note"]) for one in history] == [
        ("open", None, None),
        ("acknowledge", "alice", "I am on my way."),
        ("close", "bob", None),
    ]
    assert len(get(incident_id).json["evidence"]) == 2
    force(watch, "gate")
    assert [one["state"] for one in incidents()] == ["open", "closed"]


def test_of_two_people_who_acknowledge_the_second_learns_who_did(watch: Watch) -> None:
    [incident_id] = open_incidents(watch, "gate")
    assert act(incident_id, "acknowledge", by="alice").status == 200
    refused = act(incident_id, "acknowledge", by="bob")
    assert (refused.status, refused.json["subcode"]) == (409, 4090)
    assert refused.json["detail"].startswith("acknowledged by alice at 20")


def test_of_two_people_who_acknowledge_at_once_one_succeeds(watch: Watch) -> None:
    [incident_id] = open_incidents(watch, "gate")

    transactions: list[Any] = []
    others: list[Answer] = []

    def bob_is_faster(made: Any) -> Fault | None:
        if made.operation == "TransactWriteItems":
            transactions.append(made)
            if len(transactions) == 1:
                others.append(act(incident_id, "acknowledge", by="bob"))
        return None

    with one_invocation(bob_is_faster):
        mine = act(incident_id, "acknowledge", by="alice")
    assert ([one.status for one in others], mine.status) == ([200], 409)
    assert "acknowledged by bob" in mine.json["detail"]


def test_a_closed_incident_says_who_closed_it_and_when(watch: Watch) -> None:
    [incident_id] = open_incidents(watch, "gate")
    act(incident_id, "close", by="alice")
    for again in ("close", "acknowledge"):
        assert act(incident_id, again, by="bob").json["detail"].startswith("closed by alice at 20")


def test_if_match_refuses_a_version_that_has_changed_but_not_one_that_has_repeated(watch: Watch) -> None:
    [incident_id] = open_incidents(watch, "gate")
    etag = get(incident_id).headers["etag"]
    force(watch, "gate")
    assert act(incident_id, "acknowledge", if_match=etag).status == 200
    assert act(incident_id, "close", if_match=etag).status == 412


@pytest.mark.parametrize("fault", [Fault.RESPONSE_LOST, Fault.CONFLICT])
def test_an_act_whose_response_is_lost_is_done_once(watch: Watch, fault: Fault) -> None:
    [incident_id] = open_incidents(watch, "gate")
    written: list[Any] = []

    def first_transaction(made: Any) -> Fault | None:
        if made.operation != "TransactWriteItems":
            return None
        written.append(made)
        return fault if len(written) == 1 else None

    with one_invocation(first_transaction):
        assert act(incident_id, "acknowledge", by="alice").status == 200
    assert [one["act"] for one in get(incident_id).json["history"]] == ["open", "acknowledge"]


def test_an_incident_is_assigned_to_a_user_and_listed_for_them(watch: Watch) -> None:
    people.sign_up("Dora")
    first, second = open_incidents(watch, "gate", "yard")
    assert act(first, "assign", assignee="dora").json["assignee"] == "Dora"
    assert [one["id"] for one in incidents(assignee="Dora")] == [first]
    assert act(second, "assign", assignee="nobody").status == 400
    act(first, "close")
    assert [one["id"] for one in incidents(assignee="Dora", state="closed")] == [first]
    act(first, "reopen")
    assert act(first, "assign", assignee=None).json["assignee"] is None
    assert incidents(assignee="Dora") == []


def test_a_rule_closes_an_assigned_incident_for_its_assignee_too(watch: Watch) -> None:
    people.sign_up("Dora")
    [incident_id] = open_incidents(watch, "gate", close_after=60)
    act(incident_id, "assign", assignee="Dora")
    with later(70):
        watch.tick()
    assert [one["state"] for one in incidents(assignee="Dora")] == ["closed"]


def test_a_snooze_ends_by_a_timer(watch: Watch) -> None:
    [incident_id] = open_incidents(watch, "gate")
    until = clock.format_time(clock.now() + timedelta(minutes=10))
    assert act(incident_id, "snooze", by="alice", until=until).json["snoozed_until"] == until
    watch.tick()
    assert get(incident_id).json["snoozed_until"] == until
    with later(601):
        watch.tick()
        watch.tick()
    assert get(incident_id).json["snoozed_until"] is None
    assert [one["act"] for one in get(incident_id).json["history"]] == ["open", "snooze", "snooze_ended"]


def test_a_second_snooze_replaces_the_first(watch: Watch) -> None:
    [incident_id] = open_incidents(watch, "gate")
    for minutes in (10, 60):
        act(incident_id, "snooze", until=clock.format_time(clock.now() + timedelta(minutes=minutes)))
    with later(601):
        watch.tick()
    assert get(incident_id).json["snoozed_until"] is not None


def test_a_reopened_incident_goes_on_with_its_rule(watch: Watch) -> None:
    [incident_id] = open_incidents(watch, "gate", close_after=600)
    act(incident_id, "close")
    assert act(incident_id, "reopen", by="bob").json["state"] == "open"
    force(watch, "gate")
    [incident] = incidents()
    assert (incident["id"], incident["occurrences"]) == (incident_id, 2)
    watch.tick()
    with later(700):
        watch.tick()
    assert incidents()[0]["close_reason"] == "quiet"


def test_an_incident_is_not_reopened_beside_another_about_the_same(watch: Watch) -> None:
    [incident_id] = open_incidents(watch, "gate")
    act(incident_id, "close")
    force(watch, "gate")
    refused = act(incident_id, "reopen")
    assert (refused.status, refused.json["detail"]) == (409, "another incident about the same is open")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"act": "explode"}, "act"),
        ({"act": "open"}, "act"),
        ({"act": "assign"}, "assignee"),
        ({"act": "snooze"}, "until"),
        ({"act": "snooze", "until": "2020-01-01T00:00:00Z"}, "until"),
        ({"act": "note"}, "note"),
        ({"act": "acknowledge", "reason": "real"}, "reason"),
        ({"act": "close", "reason": "quiet"}, "reason"),
        ({"act": "close", "until": "2030-01-01T00:00:00Z"}, "until"),
        ({"act": "acknowledge", "more": 1}, "more"),
    ],
)
def test_a_wrong_act_is_a_400_that_names_the_field(body: dict[str, Any], field: str) -> None:
    path = {"incident_id": "01ARZ3NDEKTSV4RRFFQ69G5FAV"}
    answer = call("POST", "/incidents/{incident_id}/acts", path=path, token=access_token(), body=body)
    assert (answer.status, answer.json["detail"][0]["field"]) == (400, field)


def test_an_unknown_incident_is_a_404() -> None:
    assert get("01ARZ3NDEKTSV4RRFFQ69G5FAV").status == 404
    assert get("nothing").status == 404
    assert act("01ARZ3NDEKTSV4RRFFQ69G5FAV", "note", note="x").status == 404


def test_an_act_for_several_incidents_says_which_it_was_done_to(watch: Watch) -> None:
    first, second = open_incidents(watch, "gate", "yard")
    act(first, "close", by="alice")
    unknown = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
    body = {"act": "acknowledge", "ids": [first, second, unknown, second]}
    answer = call("POST", "/incidents/acts", token=access_token(username="bob"), body=body)
    assert answer.status == 200
    assert answer.json["done"] == [second]
    refused = {one["id"]: (one["code"], one["subcode"]) for one in answer.json["refused"]}
    assert refused == {first: (409, 4090), unknown: (404, 4040)}
    assert "closed by alice" in answer.json["refused"][0]["detail"]


def test_the_same_idempotency_key_acts_once(watch: Watch) -> None:
    [incident_id] = open_incidents(watch, "gate")
    path, alice = {"incident_id": incident_id}, access_token(username="alice")
    answers = [
        call(
            "POST",
            "/incidents/{incident_id}/acts",
            path=path,
            token=alice,
            body={"act": "note", "note": "seen"},
            headers={"Idempotency-Key": "k"},
        )
        for _ in range(2)
    ]
    assert [one.status for one in answers] == [200, 200]
    assert len(get(incident_id).json["history"]) == 2


def test_incidents_are_listed_by_what_they_are(watch: Watch) -> None:
    rule_id = make_rule(on="event", match={"event_type": ["smoke"]}, severity="critical")
    gate, yard = open_incidents(watch, "gate", "yard")
    call(
        "POST",
        "/api/event",
        token=access_token(),
        body={"event_type": "smoke", "event_payload": "x", "source": "yard"},
    )
    watch.carry()
    [smoke] = [one["id"] for one in incidents(severity="critical")]
    act(gate, "acknowledge")
    act(yard, "close")
    assert [one["id"] for one in incidents()] == [smoke, yard, gate]
    assert [one["id"] for one in incidents(state="active")] == [smoke, gate]
    assert [one["id"] for one in incidents(state="acknowledged")] == [gate]
    assert [one["id"] for one in incidents(source="yard")] == [smoke, yard]
    assert [one["id"] for one in incidents(source="yard", state="closed")] == [yard]
    assert [one["id"] for one in incidents(rule=rule_id)] == [smoke]
    assert [one["id"] for one in incidents(rule=rule_id, source="gate")] == []
    assert incidents(to="2026-01-01T00:00:00Z") == []
    page = call("GET", "/incidents", query={"limit": 2, "state": "active"}, token=access_token())
    assert "link" not in page.headers
    page = call("GET", "/incidents", query={"limit": 2}, token=access_token())
    start = page.headers["link"].partition("start=")[2].partition(">")[0].partition("&")[0]
    assert [one["id"] for one in incidents(start=start, limit=2)] == [gate]


def test_an_act_is_in_the_audit_log(watch: Watch) -> None:
    [incident_id] = open_incidents(watch, "gate")
    act(incident_id, "close")
    answer = call("GET", "/audit", query={"subject": incident_id}, token=access_token(Role.ADMIN))
    assert [(one["action"], one["detail"]) for one in answer.json["entries"]] == [
        ("incident.changed", {"act": "close"})
    ]


def test_a_page_of_open_incidents_is_one_query_for_each_state(watch: Watch) -> None:
    open_incidents(watch, "gate", "yard")
    with one_invocation(at_call(99, Fault.THROTTLED)) as wire:
        assert len(incidents(state="open")) == 2
    assert [made.operation for made in wire.calls] == ["Query"]
    with one_invocation() as wire:
        incidents()
    assert [made.operation for made in wire.calls] == ["Query"] * 3
