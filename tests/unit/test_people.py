"""Administrators change, disable and delete users; every token already issued obeys."""

from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from accounts import administration, users
from accounts.model import UserRecord
from sitewatch import clock, ids
from sitewatch.api_tokens import KIND, ApiTokenRecord
from sitewatch.callers import Origin, Role
from sitewatch.errors import ApiError
from tests.world.calling import Answer, call
from tests.world.faults import Fault, Killed, at_call, one_invocation
from tests.world.people import change, log_in, refresh, sign_up, stored

pytestmark = pytest.mark.usefixtures("cheap_hashing")

NOBODY = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


@pytest.fixture(autouse=True)
def clock_of_caches(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The clock of what functions cache: a list whose only item is the time in seconds."""
    now = [1000.0]
    monkeypatch.setattr("sitewatch.caching.time.monotonic", lambda: now[0])
    return now


@pytest.fixture
def root() -> str:
    """The access token of an administrator."""
    sign_up("root")
    change("root", role=Role.ADMIN)
    token: str = log_in("root")["access_token"]
    return token


def _patch(user_id: str, token: str, **fields: object) -> Answer:
    return call("PATCH", "/users/{user_id}", path={"user_id": user_id}, body=fields, token=token)


def _delete(user_id: str, token: str) -> Answer:
    return call("DELETE", "/users/{user_id}", path={"user_id": user_id}, token=token)


def _me(token: str) -> int:
    return call("GET", "/users/me", token=token).status


def _log(**query: object) -> list[dict[str, Any]]:
    root_token = log_in("root")["access_token"]
    entries: list[dict[str, Any]] = call("GET", "/audit", query=query, token=root_token).json["entries"]
    return entries


# --- changing -------------------------------------------------------------------------------------


def test_an_admin_makes_a_colleague_an_admin_at_once(root: str) -> None:
    alice = sign_up()
    token = log_in()["access_token"]
    assert call("GET", "/api/tokens", token=token).status == 403

    answer = _patch(alice["id"], root, role="admin")
    assert (answer.status, answer.json) == (200, {**alice, "role": "admin"})
    assert call("GET", "/api/tokens", token=token).status == 200


def test_a_demoted_admin_may_do_nothing_for_admins_at_once(root: str) -> None:
    alice = sign_up()
    _patch(alice["id"], root, role="admin")
    token = log_in()["access_token"]
    assert call("GET", "/api/tokens", token=token).status == 200
    _patch(alice["id"], root, role="user")
    assert call("GET", "/api/tokens", token=token).status == 403
    assert _me(token) == 200


def test_a_disabled_user_is_out_within_30_seconds(root: str, clock_of_caches: list[float]) -> None:
    alice = sign_up()
    pair = log_in()
    assert _me(pair["access_token"]) == 200
    assert _patch(alice["id"], root, disabled=True).json["disabled"] is True

    clock_of_caches[0] += 30.1
    answer = call("GET", "/users/me", token=pair["access_token"])
    assert (answer.status, answer.json["subcode"], answer.json["msg"]) == (401, 4132, "Token has been revoked")
    assert refresh(pair["refresh_token"]).status == 401
    assert call("POST", "/login", body={"username": "Alice", "password": "wonderland"}).status == 401


def test_enabling_a_user_again_revives_no_session(root: str, clock_of_caches: list[float]) -> None:
    alice = sign_up()
    pair = log_in()
    _patch(alice["id"], root, disabled=True)
    _patch(alice["id"], root, disabled=False)
    assert (_me(pair["access_token"]), refresh(pair["refresh_token"]).status) == (401, 401)
    assert _me(log_in()["access_token"]) == 200


def test_a_profile_changes_and_null_removes_it(root: str) -> None:
    alice = sign_up(email="alice@example.com")
    assert _patch(alice["id"], root, email=None, full_name="Alice Liddell").json == {
        **alice,
        "email": None,
        "full_name": "Alice Liddell",
        "role": "user",
    }


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("role", "machine"),
        ("role", None),
        ("disabled", "true"),
        ("disabled", None),
        ("email", "nobody"),
        ("full_name", ""),
    ],
)
def test_a_bad_field_is_reported_and_nothing_changes(root: str, field: str, value: object) -> None:
    alice = sign_up()
    answer = _patch(alice["id"], root, **{field: value})
    assert (answer.status, answer.json["detail"][0]["field"]) == (400, field)
    assert stored().role == "user"


@pytest.mark.parametrize("user_id", [NOBODY, "x", "..", "user#x"])
def test_an_unknown_user_is_a_404(root: str, user_id: str) -> None:
    for answer in (_patch(user_id, root, role="admin"), _delete(user_id, root)):
        assert (answer.status, answer.json["subcode"]) == (404, 4041)


def test_admins_see_roles_in_the_list_of_users_and_others_do_not(root: str) -> None:
    alice = sign_up(email="alice@example.com")
    seen_by_admin = call("GET", "/users", token=root).json["users"][-1]
    seen_by_alice = call("GET", "/users", token=log_in()["access_token"]).json["users"][-1]
    assert seen_by_alice == {"id": alice["id"], "timestamp": alice["timestamp"], "username": "Alice"}
    assert seen_by_admin == {
        **seen_by_alice,
        "email": "alice@example.com",
        "full_name": None,
        "role": "user",
        "disabled": False,
    }


# --- the last administrator -----------------------------------------------------------------------


@pytest.mark.parametrize("fields", [{"role": "user"}, {"disabled": True}])
def test_the_last_enabled_admin_stays_one(root: str, fields: dict[str, object]) -> None:
    me = stored("root").id
    sign_up()
    change("Alice", role=Role.ADMIN)
    change("Alice", disabled=True)
    answer = _patch(me, root, **fields)
    assert (answer.status, answer.json["subcode"]) == (409, 4090)
    assert _delete(me, root).status == 409
    assert call("GET", "/api/tokens", token=root).status == 200


def test_an_admin_may_leave_while_another_stays(root: str) -> None:
    sign_up()
    change("Alice", role=Role.ADMIN)
    assert _patch(stored("root").id, root, role="user").status == 200
    assert call("GET", "/api/tokens", token=root).status == 403


@pytest.mark.parametrize("by_themselves", [True, False])
@pytest.mark.parametrize("how", ["demote", "disable", "delete"])
def test_two_admins_who_leave_at_once_leave_one(how: str, by_themselves: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("Alice", "Bob"):
        sign_up(name)
        change(name, role=Role.ADMIN)
    both = [stored(name).id for name in ("Alice", "Bob")]
    find_another, second = administration._another_admin, [both[1]]

    def leave(user_id: str) -> None:
        actor = user_id if by_themselves else next(each for each in both if each != user_id)
        if how == "delete":
            administration.delete(user_id, Origin(actor))
        else:
            administration.change(user_id, {"role": "user"} if how == "demote" else {"disabled": True}, Origin(actor))

    def find_while_the_second_leaves(user: UserRecord, origin: Origin) -> UserRecord:
        found = find_another(user, origin)
        if second:
            leave(second.pop())
        return found

    monkeypatch.setattr(administration, "_another_admin", find_while_the_second_leaves)
    monkeypatch.setattr("time.sleep", lambda _: None)
    with pytest.raises(ApiError) as refused:
        leave(both[0])
    assert refused.value.code.subcode == 4090
    assert [user.id for user in users.enabled_admins()] == [both[0]]


# --- deleting -------------------------------------------------------------------------------------


def test_a_deleted_user_is_gone_with_its_sessions_and_its_name_is_free(root: str) -> None:
    alice = sign_up()
    pair = log_in()
    answer = _delete(alice["id"], root)
    assert (answer.status, answer.text) == (204, "")
    assert (_me(pair["access_token"]), refresh(pair["refresh_token"]).status) == (401, 401)
    assert _delete(alice["id"], root).status == 404
    assert sign_up()["id"] != alice["id"]
    assert _me(pair["access_token"]) == 401


def test_the_api_tokens_of_a_deleted_user_are_gone(root: str) -> None:
    alice = sign_up()
    change(role=Role.ADMIN)
    token = log_in()["access_token"]
    issued = [call("POST", "/api/tokens", body={"name": "camera"}, token=token).json for _ in range(3)]
    kept = call("POST", "/api/tokens", body={"name": "door"}, token=root).json
    _delete(alice["id"], root)
    assert [record.id for record in ApiTokenRecord.query(KIND)] == [kept["id"]]
    assert [call("GET", "/api/ready", token=each["api_token"]).status for each in issued] == [401, 401, 401]
    assert {entry["subject"] for entry in _log(action="api_token.revoked")} == {each["id"] for each in issued}


def test_an_api_token_is_refused_while_its_maker_is_disabled(root: str, clock_of_caches: list[float]) -> None:
    alice = sign_up()
    change(role=Role.ADMIN)
    camera = call("POST", "/api/tokens", body={"name": "camera"}, token=log_in()["access_token"]).json["api_token"]
    vehicle = {"year": 2021, "make": "Acura", "model": "MDX", "category": "SUV"}
    for disabled, status in ((False, 202), (True, 401), (False, 202)):
        _patch(alice["id"], root, disabled=disabled)
        clock_of_caches[0] += 31
        assert call("POST", "/detections", body=vehicle, token=camera).status == status


@pytest.mark.parametrize("stop", [Fault.KILLED_BEFORE, Fault.KILLED_AFTER])
def test_a_deletion_that_is_killed_anywhere_is_finished_by_the_next_request(root: str, stop: Fault) -> None:
    for number in range(10):
        user_id = sign_up()["id"]
        token = ApiTokenRecord(KIND, ids.new_id(), name="camera", created_by=user_id, created_at=clock.now())
        token.expires_at = clock.now() + timedelta(days=1)
        token.save()
        with one_invocation(at_call(number, stop)) as wire, suppress(Killed):
            _delete(user_id, root)
        assert _delete(user_id, root).status in (204, 404)
        assert users.by_username("Alice") is None
        assert ApiTokenRecord.count(KIND) == 0
        assert len(_log(subject=user_id, action="user.deleted")) == 1
        assert len(_log(subject=token.id, action="api_token.revoked")) == 1
        if len(wire.calls) <= number:
            return
    pytest.fail("it made ever more calls")


# --- the audit log --------------------------------------------------------------------------------


def test_each_act_has_one_entry_even_if_the_request_is_repeated(root: str) -> None:
    alice, me = sign_up(), stored("root").id
    for _ in range(2):
        _patch(alice["id"], root, role="admin", email="alice@example.com")
        _patch(alice["id"], root, role="user")
        _patch(alice["id"], root, role="user")
    acts = [(entry["action"], entry["actor"], entry["detail"]) for entry in _log(subject=alice["id"])]
    demoted, promoted = ("user.changed", me, {"role": "user"}), ("user.changed", me, {"role": "admin"})
    assert acts == [
        demoted,
        promoted,
        demoted,
        ("user.changed", me, {"role": "admin", "email": "changed"}),
        ("user.created", None, {"role": "user"}),
    ]
    assert {entry["address"] for entry in _log(subject=alice["id"])} == {"192.0.2.1"}


@pytest.mark.parametrize("fault", [Fault.RESPONSE_LOST, Fault.CONFLICT])
@pytest.mark.parametrize("act", ["change", "delete", "log out", "log out everywhere", "issue a reset token"])
def test_an_act_whose_first_attempt_fails_is_done_once_and_has_one_entry(root: str, act: str, fault: Fault) -> None:
    alice, token = sign_up()["id"], log_in()["access_token"]
    before = len(_log(subject=alice))
    left = [fault]
    with one_invocation(lambda made: left.pop() if left and made.operation == "TransactWriteItems" else None):
        if act == "change":
            answer = _patch(alice, root, disabled=True)
        elif act == "delete":
            answer = _delete(alice, root)
        elif act == "issue a reset token":
            path = {"user_id": alice}
            answer = call("POST", "/users/{user_id}/password-reset", path=path, token=root)
        else:
            body = {"everywhere": act == "log out everywhere"}
            answer = call("POST", "/auth/logout", body=body, token=token)
    assert answer.status in (200, 201, 204)
    assert left == []
    assert len(_log(subject=alice)) == before + 1
