"""API tokens: issuing, listing, revoking and expiry."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from pynamodb.connection import Connection
from pynamodb.exceptions import TransactWriteError, UpdateError

from accounts import issuing
from sitewatch import clock, ids, tokens
from sitewatch.api_tokens import KIND, ApiTokenRecord
from sitewatch.callers import Caller, Role, TokenUse
from tests.world.calling import Answer, Context, access_token, admin_token, api_event, call, handler_of
from tests.world.faults import one_invocation
from tests.world.people import change, sign_up, stored

VEHICLE = {"year": 2021, "make": "Acura", "model": "MDX", "category": "SUV"}
ROUTES = [
    ("POST", "/api/tokens", {"body": {"name": "camera"}}),
    ("GET", "/api/tokens", {}),
    ("DELETE", "/api/tokens/{token_id}", {"path": {"token_id": "01ARZ3NDEKTSV4RRFFQ69G5FAV"}}),
]


def _issue(name: str = "camera", **more: object) -> Answer:
    return call("POST", "/api/tokens", body={"name": name, **more}, token=admin_token())


def _use(token: str) -> Answer:
    return call("POST", "/detections", body=VEHICLE, token=token)


def _revoke(token_id: str) -> Answer:
    return call("DELETE", "/api/tokens/{token_id}", path={"token_id": token_id}, token=admin_token())


@pytest.fixture
def monotonic(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The clock of the token cache: a list whose only item is the time in seconds."""
    now = [1000.0]
    monkeypatch.setattr("sitewatch.caching.time.monotonic", lambda: now[0])
    return now


def test_an_admin_issues_a_token_that_a_machine_can_use() -> None:
    answer = _issue()

    assert answer.status == 201
    assert set(answer.json) == {"id", "name", "scopes", "source", "api_token", "expires_at"}
    assert answer.json["name"] == "camera"
    assert answer.headers["cache-control"] == "no-store"
    caller = tokens.verify(answer.json["api_token"])
    assert (caller.role, caller.use, caller.token_id) == (Role.MACHINE, TokenUse.API, answer.json["id"])
    assert _use(answer.json["api_token"]).status == 202


@pytest.mark.parametrize(("asked", "days"), [({}, 365), ({"expires_in_days": 1}, 1), ({"expires_in_days": 3650}, 3650)])
def test_a_token_lasts_as_long_as_requested_or_a_year(asked: dict[str, Any], days: int) -> None:
    expires_at = clock.parse(_issue(**asked).json["expires_at"])
    assert abs(expires_at - (clock.now() + timedelta(days=days))) < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", None),
        ("name", ""),
        ("name", "c" * 65),
        ("name", 1),
        ("name", "cam\nera"),
        ("expires_in_days", 0),
        ("expires_in_days", -1),
        ("expires_in_days", 3651),
        ("expires_in_days", "30"),
        ("expires_in_days", 1.5),
        ("expires_in_days", True),
        ("expires_in_days", None),
        ("expires_in_days", int("9" * 300)),
    ],
)
def test_a_bad_field_is_reported_and_no_token_is_issued(field: str, value: object) -> None:
    answer = call("POST", "/api/tokens", body={"name": "camera", field: value}, token=admin_token())
    assert answer.status == 400
    assert [problem["field"] for problem in answer.json["detail"]] == [field]
    assert ApiTokenRecord.count(KIND) == 0


@pytest.mark.parametrize(("method", "resource", "request_"), ROUTES)
@pytest.mark.parametrize("role", [Role.USER, Role.MACHINE])
def test_only_admins_may_manage_tokens(method: str, resource: str, request_: dict[str, Any], role: Role) -> None:
    answer = call(method, resource, token=access_token(role), **request_)
    assert (answer.status, answer.json["code"], answer.json["subcode"]) == (403, 403, 4133)


@pytest.mark.parametrize(("method", "resource", "request_"), ROUTES)
def test_an_api_token_cannot_manage_tokens(method: str, resource: str, request_: dict[str, Any]) -> None:
    answer = call(method, resource, token=_issue().json["api_token"], **request_)
    assert answer.status == 403


def test_an_api_token_cannot_read_routes_for_people() -> None:
    token = _issue().json["api_token"]
    for resource in ("/users", "/users/me", "/detections", "/stats", "/alerts"):
        assert call("GET", resource, token=token).status == 403


def test_the_list_is_oldest_first_and_omits_the_token_text() -> None:
    admin = ids.new_id()
    issued = [
        call("POST", "/api/tokens", body={"name": name}, token=access_token(Role.ADMIN, subject=admin)).json
        for name in ("camera", "door")
    ]
    answer = call("GET", "/api/tokens", token=admin_token())

    assert answer.status == 200
    assert answer.next_query is None
    assert sorted(token["name"] for token in answer.json["tokens"]) == ["camera", "door"]
    assert [token["id"] for token in answer.json["tokens"]] == sorted(token["id"] for token in issued)
    for token in answer.json["tokens"]:
        assert set(token) == {
            "id",
            "name",
            "scopes",
            "source",
            "created_by",
            "created_at",
            "last_used_at",
            "expires_at",
        }
        assert token["created_by"] == admin
    for token in issued:
        assert token["api_token"] not in answer.text


def test_the_token_text_is_not_stored() -> None:
    token = _issue().json["api_token"]
    (record,) = ApiTokenRecord.query(KIND)
    assert token not in str(record.attribute_values)
    assert token.split(".")[2] not in str(record.attribute_values)


def test_pages_cover_the_whole_list() -> None:
    issued = sorted(_issue(f"camera {number}").json["id"] for number in range(5))
    token, query, found = admin_token(), {"limit": "2"}, []
    sizes = []
    while query:
        answer = call("GET", "/api/tokens", query=query, token=token)
        sizes.append(len(answer.json["tokens"]))
        found += [listed["id"] for listed in answer.json["tokens"]]
        query = answer.next_query or {}

    assert found == issued
    assert sizes == [2, 2, 1]


@pytest.mark.parametrize(
    ("name", "value", "subcode"),
    [("limit", 0, 4015), ("limit", 1001, 4015), ("limit", "abc", 4015), ("start", "x", 4016)],
)
def test_a_bad_paging_parameter_is_reported(name: str, value: object, subcode: int) -> None:
    answer = call("GET", "/api/tokens", query={name: value}, token=admin_token())
    assert (answer.status, answer.json["subcode"]) == (400, subcode)
    assert [problem["field"] for problem in answer.json["detail"]] == [name]


def test_a_revoked_token_is_rejected_within_a_minute(monotonic: list[float]) -> None:
    issued = _issue().json
    assert _use(issued["api_token"]).status == 202
    assert _revoke(issued["id"]).status == 204

    monotonic[0] += 60
    answer = _use(issued["api_token"])
    assert (answer.status, answer.json["subcode"], answer.json["msg"]) == (401, 4132, "Token has been revoked")
    assert call("GET", "/api/tokens", token=admin_token()).json == {"tokens": []}


def test_a_tokens_status_is_cached_for_half_a_minute(monotonic: list[float]) -> None:
    token = _issue().json["api_token"]
    handler = handler_of("detections.post_detections.handler")
    with one_invocation() as wire:
        for _ in range(6):
            event = api_event("POST", "/detections", body=VEHICLE, token=token)
            assert handler(event, Context())["statusCode"] == 202
            monotonic[0] += 10
    assert len(wire.operations("TransactGetItems")) == 2


def test_revoking_returns_an_empty_204() -> None:
    event = api_event("DELETE", "/api/tokens/{token_id}", path={"token_id": _issue().json["id"]}, token=admin_token())
    answer = handler_of("accounts.delete_api_token.handler")(event, Context())
    assert (answer["statusCode"], answer["body"]) == (204, "")


def test_revoking_one_token_leaves_the_others() -> None:
    revoked, kept = _issue().json, _issue().json
    _revoke(revoked["id"])
    assert _use(kept["api_token"]).status == 202
    assert _use(revoked["api_token"]).status == 401


@pytest.mark.parametrize("token_id", ["01ARZ3NDEKTSV4RRFFQ69G5FAV", "x", "..", "a" * 64])
def test_revoking_an_unknown_token_is_a_404(token_id: str) -> None:
    answer = _revoke(token_id)
    assert (answer.status, answer.json["subcode"]) == (404, 4040)


def test_revoking_a_token_again_is_a_404() -> None:
    token_id = _issue().json["id"]
    assert [_revoke(token_id).status for _ in range(2)] == [204, 404]


def test_an_id_that_is_too_long_is_a_400() -> None:
    assert _revoke("a" * 65).status == 400


def test_a_table_failure_while_revoking_is_a_500(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise TransactWriteError("refused", ClientError({"Error": {"Code": "AccessDeniedException"}}, "Transact"))

    token_id = _issue().json["id"]
    monkeypatch.setattr(Connection, "transact_write_items", fail)
    assert _revoke(token_id).status == 500


def test_an_expired_token_is_rejected_while_it_is_still_stored() -> None:
    token_id = _issue().json["id"]
    caller = Caller(token_id, "camera", Role.MACHINE, TokenUse.API, token_id)
    answer = _use(issuing.sign(caller, expires_at=clock.now() - timedelta(seconds=1)))
    assert (answer.status, answer.json["msg"]) == (401, "Token has expired")


def test_an_expired_token_is_not_listed_while_it_is_still_stored() -> None:
    expired, standing = _issue("expired").json["id"], _issue("standing").json["id"]
    record = ApiTokenRecord.get(KIND, expired)
    record.update(actions=[ApiTokenRecord.expires_at.set(clock.now() - timedelta(seconds=1))])
    listed = call("GET", "/api/tokens", token=admin_token()).json["tokens"]
    assert [token["id"] for token in listed] == [standing]


def test_expired_tokens_make_a_page_read_on_and_at_most_eleven_times() -> None:
    with ApiTokenRecord.batch_write() as batch:
        for number in range(40):
            # The fourth one and the last one are active.
            expires_at = clock.now() + timedelta(days=1 if number in (3, 39) else -1)
            batch.save(
                ApiTokenRecord(
                    KIND, f"{number:026}", name="x", created_by="x", created_at=clock.now(), expires_at=expires_at
                )
            )
    token, query, pages = admin_token(), {"limit": "1"}, []
    while query:
        with one_invocation() as wire:
            answer = call("GET", "/api/tokens", query=query, token=token)
        reads = Counter(made.parameters["TableName"] for made in wire.calls)["ApiTokensTable"]
        pages.append(([int(listed["id"]) for listed in answer.json["tokens"]], reads))
        query = answer.next_query or {}
    assert pages == [([3], 2), ([], 11), ([39], 7)]


# --- scopes, sources and use ----------------------------------------------------------------------


def test_a_token_has_all_scopes_and_no_source_unless_asked() -> None:
    assert (_issue().json["scopes"], _issue().json["source"]) == (["detections", "events", "readings"], None)
    narrow = _issue(scopes=["readings", "events", "events"], source="gate").json
    assert (narrow["scopes"], narrow["source"]) == (["events", "readings"], "gate")
    listed = call("GET", "/api/tokens", token=admin_token()).json["tokens"][-1]
    assert (listed["scopes"], listed["source"]) == (["events", "readings"], "gate")


@pytest.mark.parametrize(
    ("field", "value"),
    [("scopes", []), ("scopes", ["everything"]), ("scopes", "events"), ("source", ""), ("source", "a/b")],
)
def test_a_bad_scope_or_source_is_reported(field: str, value: object) -> None:
    answer = call("POST", "/api/tokens", body={"name": "camera", field: value}, token=admin_token())
    assert answer.status == 400
    assert answer.json["detail"][0]["field"].partition(".")[0] == field


def test_the_use_of_a_token_is_stored_at_most_once_an_hour(
    monotonic: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    token, now = _issue().json["api_token"], [clock.now()]
    monkeypatch.setattr(clock, "now", lambda: now[0])
    uses = []
    for minutes in (0, 30, 59, 61, 62):
        now[0] += timedelta(minutes=minutes)
        monotonic[0] += 31
        assert _use(token).status == 202
        (record,) = ApiTokenRecord.query(KIND)
        uses.append(record.last_used_at)
        now[0] -= timedelta(minutes=minutes)
    assert len(set(uses)) == 2
    assert uses[0] == uses[2]
    assert uses[3] == uses[4]


def test_a_camera_goes_on_if_the_use_of_its_token_cannot_be_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise UpdateError("throttled", ClientError({"Error": {"Code": "ThrottlingException"}}, "UpdateItem"))

    token = _issue().json["api_token"]
    monkeypatch.setattr(Connection, "update_item", fail)
    assert _use(token).status == 202


def test_a_token_from_before_tokens_named_their_maker_obeys_too(monotonic: list[float]) -> None:
    sign_up()
    change(role=Role.ADMIN)
    token_id, day = ids.new_id(), timedelta(days=1)
    maker = stored().id
    ApiTokenRecord(
        id=token_id, name="camera", created_by=maker, created_at=clock.now(), expires_at=clock.now() + day
    ).save()
    caller = Caller(token_id, "camera", Role.MACHINE, TokenUse.API, token_id)
    token = issuing.sign(caller, expires_at=clock.now() + day)
    assert _use(token).status == 202
    sign_up("root")
    change("root", role=Role.ADMIN)
    change(disabled=True)
    monotonic[0] += 31
    assert _use(token).status == 401
