"""Events: stored once, all of a request or none, listed newest first, changed only in their current version."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from accounts import issuing
from events import listing, storing
from events.model import EventRecord, NewEvent
from sitewatch import attempts, clock, ids
from sitewatch.api_tokens import ApiTokenRecord
from sitewatch.audit import newest_first
from sitewatch.callers import Caller, Role, TokenUse
from tests.world.aws import client
from tests.world.calling import Answer, access_token, admin_token, call
from tests.world.faults import Fault, one_invocation

PERSON = Caller("someone", "someone", Role.USER, TokenUse.ACCESS, "token")
NOVEMBER = datetime(2026, 11, 30, 23, 59, 58, tzinfo=UTC)


def event(event_type: str = "message", event_payload: str = "hello") -> dict[str, str]:
    return {"event_type": event_type, "event_payload": event_payload}


def post(body: object, *, token: str | None = None, key: str | None = None) -> Answer:
    headers = {"Idempotency-Key": key} if key else None
    return call("POST", "/api/event", body=body, token=token or access_token(), headers=headers)


def listed(**query: Any) -> Answer:
    return call("GET", "/api/event", query=query, token=access_token())


def payloads(answer: Answer) -> list[str]:
    return [each["event_payload"] for each in answer.json["events"]]


def on(
    method: str, event_id: str, body: object = None, if_match: str | None = None, token: str | None = None
) -> Answer:
    return call(
        method,
        "/api/event/{event_id}",
        path={"event_id": event_id},
        body=body,
        token=token or access_token(),
        headers={"If-Match": if_match} if if_match else None,
    )


def posted(**fields: str) -> str:
    return str(post(event(**fields)).json["id"])


def test_an_event_is_stored_and_found() -> None:
    answer = post(event("user_joined", "alice"))
    assert answer.status == 200
    assert answer.json == {"status_code": "200", "id": answer.json["id"]}
    found = on("GET", answer.json["id"])
    assert found.headers["etag"] == '"1"'
    assert found.json == {
        "id": answer.json["id"],
        "event_type": "user_joined",
        "event_payload": "alice",
        "created_at": found.json["created_at"],
        "updated_at": found.json["created_at"],
        "source": "unknown",
    }
    assert listed().json == {"events": [found.json]}


def test_events_of_a_hundred_new_types_are_one_transaction() -> None:
    with one_invocation() as wire:
        post([event(f"type {number}", str(number)) for number in range(100)])
    assert [made.operation for made in wire.calls] == ["TransactWriteItems"]
    assert payloads(listed(event_type="type 42")) == ["42"]


def test_a_list_gets_a_list_in_the_same_order() -> None:
    answer = post([event(event_payload=str(number)) for number in range(100)])
    assert [receipt["status_code"] for receipt in answer.json] == ["200"] * 100
    assert [on("GET", receipt["id"]).json["event_payload"] for receipt in answer.json[:3]] == ["0", "1", "2"]
    assert payloads(listed()) == [str(number) for number in reversed(range(100))]
    assert isinstance(post([event()]).json, list)


@pytest.mark.parametrize(
    "bad",
    [
        {"event_payload": "x"},
        {"event_type": "", "event_payload": "x"},
        {"event_type": "x" * 256, "event_payload": "x"},
        {"event_type": 1, "event_payload": "x"},
        {"event_type": None, "event_payload": "x"},
        {"event_type": ["x"], "event_payload": "x"},
    ],
)
def test_an_invalid_item_is_named_and_nothing_is_stored(bad: dict[str, object]) -> None:
    answer = post([event(), event(), bad])
    assert answer.status == 400
    assert [problem["field"] for problem in answer.json["detail"]] == ["2.event_type"]
    assert post(bad).status == 400
    assert listed().json == {"events": []}


@pytest.mark.parametrize("body", [[], [event()] * 101, "[", '"x"', "null", "7", ""])
def test_a_body_that_is_neither_an_event_nor_a_list_of_events_is_a_400(body: object) -> None:
    assert post(body).status == 400


def machine_token(*, active: bool = True) -> str:
    token_id = ids.new_id()
    expires_at = clock.now() + timedelta(days=1)
    if active:
        ApiTokenRecord(id=token_id, name="door", created_by="x", created_at=clock.now(), expires_at=expires_at).save()
    return issuing.sign(Caller(token_id, "door", Role.MACHINE, TokenUse.API, token_id), expires_at=expires_at)


def test_machines_may_post_but_not_read_and_revoked_ones_may_do_neither() -> None:
    assert post(event(), token=machine_token()).status == 200
    assert call("GET", "/api/event", token=machine_token()).status == 403
    assert post(event(), token=machine_token(active=False)).json["msg"] == "Token has been revoked"


def test_the_same_key_and_body_is_stored_once_and_gets_the_first_response() -> None:
    token = access_token()
    first = post([event(), event()], token=token, key="k")
    assert post([event(), event()], token=token, key="k").json == first.json
    assert post([event()], token=token, key="k").status == 400
    assert post([event(), event()], token=access_token(), key="k").json != first.json
    assert len(listed().json["events"]) == 4


def test_a_stored_attempt_whose_response_was_lost_is_not_stored_again() -> None:
    token = access_token()
    first = post([event(), event()], token=token, key="k").json
    for item in client("dynamodb").scan(TableName="IdempotencyTable")["Items"]:
        if "#attempt#" not in item["id"]["S"]:
            client("dynamodb").delete_item(TableName="IdempotencyTable", Key={"id": item["id"]})
    assert post([event(), event()], token=token, key="k").json == first
    assert len(listed().json["events"]) == 2


def test_a_key_can_be_reused_after_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    token = access_token()
    first = post(event(), token=token, key="k").json
    for item in client("dynamodb").scan(TableName="IdempotencyTable")["Items"]:
        if "#attempt#" not in item["id"]["S"]:
            client("dynamodb").delete_item(TableName="IdempotencyTable", Key={"id": item["id"]})
    later = clock.now() + timedelta(hours=25)
    with monkeypatch.context() as a_day_later:
        a_day_later.setattr(clock, "now", lambda: later)
        assert post(event(), token=token, key="k").json != first
    assert len(listed().json["events"]) == 2


def store_at(at: datetime, *named: tuple[str, str]) -> list[str]:
    new = [NewEvent(event_type=event_type, event_payload=payload) for event_type, payload in named]
    return storing.store(new, attempts.Attempt(at, ids.new_id()), PERSON)


def over_months() -> list[str]:
    """Store three events in each of three months with a gap. Return all payloads, newest first."""
    kept = []
    for month in range(3):
        for number in range(3):
            at = NOVEMBER + timedelta(days=65 * month, seconds=number)
            store_at(at, ("odd" if number % 2 else "even", f"{month}.{number}"))
            kept.append(f"{month}.{number}")
    return kept[::-1]


@pytest.mark.parametrize("shards", [1, 3])
def test_events_are_listed_newest_first_across_months_and_shards_page_by_page(
    shards: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storing, "_WRITE_SHARDS", shards)
    monkeypatch.setattr(listing, "_WRITE_SHARDS", shards)
    kept = over_months()
    assert payloads(listed()) == kept
    for limit in (1, 2, 4, 9):
        seen: list[str] = []
        query: dict[str, str] | None = {"limit": str(limit)}
        while query is not None:
            with one_invocation() as wire:
                page = listed(**query)
            assert len(wire.operations("Query")) == shards
            seen += payloads(page)
            query = page.next_query
        assert seen == kept


def test_events_can_be_filtered_by_type() -> None:
    kept = over_months()
    odd = [payload for payload in kept if payload.endswith("1")]
    assert payloads(listed(event_type="odd")) == odd
    first = listed(event_type="odd", limit=2)
    assert payloads(first) == odd[:2]
    assert first.next_query is not None
    assert payloads(listed(**first.next_query)) == odd[2:]
    assert payloads(listed(event_type="never seen")) == []


def test_events_can_be_filtered_by_source_and_by_both() -> None:
    for number in range(4):
        kind, source = "odd" if number % 2 else "even", "gate" if number < 3 else "yard"
        assert post({**event(kind, str(number)), "source": source}).status == 200
    assert payloads(listed(source="gate")) == ["2", "1", "0"]
    assert payloads(listed(source="gate", event_type="even")) == ["2", "0"]
    first = listed(source="gate", event_type="even", limit=1)
    assert first.next_query is not None
    assert payloads(listed(**first.next_query)) == ["0"]
    assert payloads(listed(source="nowhere")) == []
    assert {each["source"] for each in listed(event_type="odd").json["events"]} == {"gate", "yard"}


def test_a_page_of_a_rare_type_of_a_source_ends_early_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("events.listing.MAX_READ", 2)
    for kind in ("rare", "usual", "usual", "usual"):
        post({**event(kind), "source": "gate"})
    query: dict[str, str] | None = {"source": "gate", "event_type": "rare"}
    sizes = []
    while query:
        page = listed(**query)
        sizes.append(len(page.json["events"]))
        query = page.next_query
    assert sizes == [0, 1]


def test_an_event_of_a_machine_has_the_source_or_else_the_name_of_its_token() -> None:
    def issued(**more: object) -> str:
        body = {"name": "front door", **more}
        token: str = call("POST", "/api/tokens", body=body, token=admin_token()).json["api_token"]
        return token

    assert [post(event(), token=issued(**more)).status for more in ({}, {"source": "gate"})] == [200, 200]
    assert [each["source"] for each in listed().json["events"]] == ["gate", "front door"]


def test_a_deletion_is_in_the_audit_log_once() -> None:
    event_id = post(event()).json["id"]
    for _ in range(2):
        on("DELETE", event_id, token=admin_token())
    ((entry,), _) = newest_first(event_id, None, None, 10)
    assert entry.action == "event.deleted"


@pytest.mark.parametrize("start", ["7ZZZZZZZZZZZZZZZZZZZZZZZZZ", "00000000000000000000000000"])
def test_a_start_need_not_be_the_id_of_an_event(start: str) -> None:
    kept = over_months()
    assert payloads(listed(start=start)) == (kept if start.startswith("7") else [])


@pytest.mark.parametrize(
    ("field", "query"), [("start", {"start": "x"}), ("limit", {"limit": 0}), ("event_type", {"event_type": "x" * 256})]
)
def test_a_bad_parameter_is_a_400_that_names_it(field: str, query: dict[str, object]) -> None:
    answer = listed(**query)
    assert (answer.status, answer.json["detail"][0]["field"]) == (400, field)


def test_put_replaces_an_event_and_patch_changes_the_given_fields() -> None:
    event_id = posted()
    replaced = on("PUT", event_id, event("user_left", "bob"))
    assert (replaced.status, replaced.headers["etag"]) == (200, '"2"')
    assert (replaced.json["event_type"], replaced.json["event_payload"]) == ("user_left", "bob")
    assert replaced.json["updated_at"] > replaced.json["created_at"]
    changed = on("PATCH", event_id, {"event_payload": "carol"})
    assert (changed.json["event_type"], changed.json["event_payload"]) == ("user_left", "carol")
    assert on("GET", event_id).json == changed.json
    assert on("PATCH", event_id, {}).json == changed.json
    assert payloads(listed(event_type="message")) == []
    assert payloads(listed(event_type="user_left")) == ["carol"]


@pytest.mark.parametrize(
    ("method", "body"),
    [
        ("PUT", {"event_type": "x"}),
        ("PUT", event(event_type="")),
        ("PATCH", {"event_type": ""}),
        ("PATCH", {"event_type": None}),
    ],
)
def test_a_bad_change_is_a_400_and_changes_nothing(method: str, body: object) -> None:
    event_id = posted()
    assert on(method, event_id, body).status == 400
    assert on("GET", event_id).headers["etag"] == '"1"'


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_if_match_allows_changes_to_the_current_version_only(method: str) -> None:
    event_id = posted()
    seen = on("GET", event_id).headers["etag"]
    assert on(method, event_id, event(event_payload="first"), if_match=seen).status == 200
    second = on(method, event_id, event(event_payload="second"), if_match=seen)
    assert (second.status, second.json["subcode"]) == (412, 4120)
    assert on("GET", event_id).json["event_payload"] == "first"
    for good in ("*", '"1", "2"'):
        on(method, event_id, event(event_payload="again"), if_match=good)
        assert on("GET", event_id).json["event_payload"] == "again"
    for bad in ('W/"2"', "2", '"nothing"'):
        assert on(method, event_id, event(), if_match=bad).status == 412


def test_two_concurrent_changes_are_both_applied(monkeypatch: pytest.MonkeyPatch) -> None:
    event_id = posted()
    original = storing._matching
    meanwhile = iter([lambda: storing.change(event_id, {"event_type": "other"}, None)])

    def interrupted(this_id: str, if_match: str | None) -> EventRecord:
        found = original(this_id, if_match)
        next(meanwhile, lambda: None)()
        return found

    monkeypatch.setattr(storing, "_matching", interrupted)
    changed = on("PATCH", event_id, {"event_payload": "mine"})
    assert (changed.json["event_type"], changed.json["event_payload"]) == ("other", "mine")
    assert changed.headers["etag"] == '"3"'


def test_only_admins_may_delete() -> None:
    event_id = posted()
    assert on("DELETE", event_id).status == 403
    assert on("DELETE", event_id, if_match='"7"', token=admin_token()).status == 412
    assert on("DELETE", event_id, token=admin_token()).status == 204
    assert on("DELETE", event_id, token=admin_token()).status == 404
    assert listed().json == {"events": []}


@pytest.mark.parametrize(
    "event_id", ["01ARZ3NDEKTSV4RRFFQ69G5FAV", "7ZZZZZZZZZZZZZZZZZZZZZZZZZ", "months", "sending-plan", "x"]
)
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_an_unknown_event_is_404(method: str, event_id: str) -> None:
    post(event())
    answer = on(method, event_id, event() if method in ("PUT", "PATCH") else None, token=admin_token())
    assert (answer.status, answer.json["subcode"]) == (404, 4040)


@pytest.mark.parametrize(
    ("body", "field"), [("5", "body"), ('"x"', "body"), ("[5]", "0"), ('{"event_type": 1}', "event_type")]
)
def test_an_error_about_a_single_object_has_no_position(body: str, field: str) -> None:
    answer = post(body)
    assert (answer.status, answer.json["detail"][0]["field"]) == (400, field)


def test_a_deletion_whose_response_was_lost_is_a_deletion() -> None:
    event_id = posted()
    lost = iter([Fault.RESPONSE_LOST])
    with one_invocation(lambda made: next(lost, None) if made.operation == "TransactWriteItems" else None):
        assert on("DELETE", event_id, token=admin_token()).status == 204
    ((entry,), _) = newest_first(event_id, None, None, 10)
    assert entry.action == "event.deleted"


def test_a_change_that_others_always_overtake_is_a_429(monkeypatch: pytest.MonkeyPatch) -> None:
    event_id = posted()
    find = storing._matching

    def overtaken(this_id: str, if_match: str | None) -> EventRecord:
        found = find(this_id, if_match)
        EventRecord(this_id).update(actions=[EventRecord.version.add(1)])
        return found

    monkeypatch.setattr(storing, "_matching", overtaken)
    monkeypatch.setattr("time.sleep", lambda _: None)
    answer = on("PATCH", event_id, {"event_payload": "mine"})
    assert (answer.status, answer.json["subcode"]) == (429, 4290)
