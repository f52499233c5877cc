"""Change a password, reset it with a token, and log out."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from accounts import password_changes, passwords
from accounts.model import UserRecord
from sitewatch import clock
from sitewatch.audit import OPERATOR, newest_first
from sitewatch.callers import Role
from tests.world.calling import Answer, access_token, call
from tests.world.faults import Call, Fault, Faults, one_invocation
from tests.world.people import change, log_in, refresh, sign_up, stored

pytestmark = pytest.mark.usefixtures("cheap_hashing")


@pytest.fixture(autouse=True)
def uncached(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let functions remember no status."""
    monkeypatch.setattr("sitewatch.user_status._cache._seconds", -1.0)


def _change(token: str, current: str = "wonderland", new: str = "looking-glass") -> Answer:
    return call("PUT", "/users/me/password", body={"current_password": current, "new_password": new}, token=token)


def _reset(token: str, new: str = "looking-glass") -> Answer:
    return call("POST", "/auth/reset-password", body={"reset_token": token, "new_password": new})


def _issued() -> str:
    return password_changes.issue_reset(stored().id, OPERATOR)[0]


def _me(pair: dict[str, str]) -> int:
    return call("GET", "/users/me", token=pair["access_token"]).status


def _actions() -> list[str]:
    return [entry.action for entry in newest_first(stored().id, None, None, 50)[0]]


# --- changing -------------------------------------------------------------------------------------


def test_a_changed_password_ends_every_other_session() -> None:
    sign_up()
    here, there = log_in(), log_in()
    assert _change(here["access_token"]).status == 204
    assert (_me(here), _me(there)) == (200, 401)
    assert (refresh(here["refresh_token"]).status, refresh(there["refresh_token"]).status) == (200, 401)
    assert call("POST", "/login", body={"username": "Alice", "password": "wonderland"}).status == 401
    assert _me(log_in(password="looking-glass")) == 200
    assert _actions()[:3] == ["login.succeeded", "login.failed", "password.changed"]


def test_a_second_change_from_another_session_ends_the_first_one() -> None:
    sign_up()
    first = log_in()
    _change(first["access_token"])
    second = log_in(password="looking-glass")
    assert _change(second["access_token"], "looking-glass", "wonderland").status == 204
    assert (_me(first), _me(second)) == (401, 200)
    assert refresh(first["refresh_token"]).status == 401


def test_a_wrong_current_password_is_a_401_and_changes_nothing() -> None:
    sign_up()
    here, there = log_in(), log_in()
    answer = _change(here["access_token"], "wrong")
    assert (answer.status, answer.json["subcode"], answer.json["msg"]) == (401, 4131, "Incorrect password")
    assert (_me(here), _me(there)) == (200, 200)
    assert _actions()[0] == "password.refused"


def test_guesses_at_the_current_password_are_limited() -> None:
    sign_up()
    token = log_in()["access_token"]
    statuses = [_change(token, "wrong").status for _ in range(12)]
    assert statuses[0] == 401
    assert statuses[-1] == 429


@pytest.mark.parametrize(
    ("field", "value"), [("new_password", "abc"), ("new_password", "x" * 129), ("current_password", 1)]
)
def test_a_bad_password_is_reported(field: str, value: object) -> None:
    sign_up()
    body = {"current_password": "wonderland", "new_password": "looking-glass", field: value}
    answer = call("PUT", "/users/me/password", body=body, token=log_in()["access_token"])
    assert (answer.status, answer.json["subcode"]) == (400, 4001)
    assert [problem["field"] for problem in answer.json["detail"]] == [field]


# --- resetting ------------------------------------------------------------------------------------


def test_a_reset_token_sets_a_password_once_and_ends_every_session() -> None:
    sign_up()
    pair, token = log_in(), _issued()
    assert _me(pair) == 200
    assert _reset(token).status == 204
    assert _me(pair) == 401
    assert refresh(pair["refresh_token"]).status == 401
    assert _me(log_in(password="looking-glass")) == 200
    again = _reset(token, "another")
    assert (again.status, again.json["subcode"]) == (401, 4132)
    assert _actions()[:3] == ["password_reset.refused", "login.succeeded", "password_reset.used"]


def test_an_admin_issues_a_token_that_lasts_a_day_and_is_not_stored() -> None:
    user_id = sign_up()["id"]
    answer = call("POST", "/users/{user_id}/password-reset", path={"user_id": user_id}, token=access_token(Role.ADMIN))
    assert answer.status == 201
    assert abs(clock.parse(answer.json["expires_at"]) - clock.now() - timedelta(hours=24)) < timedelta(minutes=1)
    assert answer.json["reset_token"].partition(".")[2] not in str(stored().attribute_values)


def test_a_newer_token_replaces_an_older_one() -> None:
    sign_up()
    older, newer = _issued(), _issued()
    assert (_reset(older).status, _reset(newer).status) == (401, 204)


def test_an_expired_token_is_refused() -> None:
    sign_up()
    token = _issued()
    stored().update(actions=[UserRecord.reset_expires_at.set(clock.now())])  # type: ignore[union-attr]
    assert _reset(token).status == 401


def test_changing_the_password_cancels_an_open_reset_token() -> None:
    sign_up()
    token = _issued()
    _change(log_in()["access_token"])
    assert _reset(token).status == 401


@pytest.mark.parametrize("token", ["x", ".", "01ARZ3NDEKTSV4RRFFQ69G5FAV.x", "é.x"])
def test_an_unknown_token_is_a_401(token: str) -> None:
    assert (_reset(token).status, _reset(token).json["subcode"]) == (401, 4132)


def test_guesses_at_a_reset_token_are_limited_together_with_passwords() -> None:
    user_id = sign_up()["id"]
    statuses = [_reset(f"{user_id}.wrong").status for _ in range(12)]
    assert statuses[0] == 401
    assert statuses[-1] == 429
    assert call("POST", "/login", body={"username": "Alice", "password": "wrong"}).status == 429


def test_a_disabled_user_stays_disabled_after_a_reset() -> None:
    sign_up()
    token = _issued()
    change(disabled=True)
    assert _reset(token).status == 204
    assert call("POST", "/login", body={"username": "Alice", "password": "looking-glass"}).status == 401


# --- logging out ----------------------------------------------------------------------------------


def _log_out(pair: dict[str, str], **body: object) -> Answer:
    return call("POST", "/auth/logout", body=body or None, token=pair["access_token"])


def test_logging_out_ends_this_session_only() -> None:
    sign_up()
    here, there = log_in(), log_in()
    assert (_log_out(here).status, _log_out(here).status) == (204, 401)
    assert (_me(here), _me(there)) == (401, 200)
    assert (refresh(here["refresh_token"]).status, refresh(there["refresh_token"]).status) == (401, 200)
    assert _actions().count("session.logged_out") == 1


def test_logging_out_everywhere_ends_all_sessions() -> None:
    sign_up()
    here, there = log_in(), log_in()
    assert _log_out(here, everywhere=True).status == 204
    assert (_me(here), _me(there)) == (401, 401)
    assert refresh(there["refresh_token"]).status == 401
    assert _me(log_in()) == 200


def test_a_session_of_the_oauth_form_can_log_out_too() -> None:
    sign_up()
    pair = call("POST", "/token", form={"username": "Alice", "password": "wonderland"}).json
    assert _log_out(pair).status == 204
    assert _me(pair) == 401


def test_a_stolen_refresh_token_ends_the_access_tokens_of_its_session_too() -> None:
    sign_up()
    first = log_in()
    second = refresh(first["refresh_token"]).json
    third = refresh(second["refresh_token"]).json
    assert refresh(first["refresh_token"]).status == 401
    assert [_me(pair) for pair in (first, second, third)] == [401, 401, 401]
    assert refresh(first["refresh_token"]).status == 401
    assert _actions().count("session.revoked") == 1


def test_after_500_logouts_in_half_an_hour_all_sessions_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("accounts.standing._MAX_ENDED", 2)
    sign_up()
    kept, *others = [log_in() for _ in range(4)]
    statuses = []
    for pair in others:
        _log_out(pair)
        statuses.append(_me(kept))
    assert statuses == [200, 200, 401]


@pytest.mark.parametrize("body", [{"everywhere": "yes"}, {"everywhere": None}])
def test_a_bad_logout_is_reported(body: dict[str, object]) -> None:
    sign_up()
    answer = call("POST", "/auth/logout", body=body, token=log_in()["access_token"])
    assert (answer.status, answer.json["detail"][0]["field"]) == (400, "everywhere")


# --- lost responses and others at the same time ---------------------------------------------------


def _once(fault: Fault, table: str = "UsersTable") -> Faults:
    """A fault of the first transaction that writes a table."""
    seen: list[Call] = []

    def of(made: Call) -> Fault | None:
        if made.operation != "TransactWriteItems" or table not in str(made.parameters):
            return None
        seen.append(made)
        return fault if len(seen) == 1 else None

    return of


@pytest.mark.parametrize("fault", [Fault.RESPONSE_LOST, Fault.CONFLICT])
def test_a_change_whose_response_was_lost_is_made_once(fault: Fault) -> None:
    sign_up()
    here = log_in()
    with one_invocation(_once(fault)):
        assert _change(here["access_token"]).status == 204
    assert _actions().count("password.changed") == 1
    assert _me(here) == 200
    assert _me(log_in(password="looking-glass")) == 200


@pytest.mark.parametrize("fault", [Fault.RESPONSE_LOST, Fault.CONFLICT])
def test_a_reset_whose_response_was_lost_is_made_once(fault: Fault) -> None:
    sign_up()
    token = _issued()
    with one_invocation(_once(fault)):
        assert _reset(token).status == 204
    assert _actions().count("password_reset.used") == 1
    assert _me(log_in(password="looking-glass")) == 200


def _during_the_hash(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Let something else happen after the current password or token is checked."""
    hash_password = passwords.hash_password

    def hash_slowly(password: str) -> str:
        monkeypatch.setattr(passwords, "hash_password", hash_password)
        act()
        return hash_password(password)

    monkeypatch.setattr(passwords, "hash_password", hash_slowly)


def test_of_two_changes_at_once_one_succeeds(monkeypatch: pytest.MonkeyPatch) -> None:
    sign_up()
    first, second = log_in(), log_in()
    _during_the_hash(monkeypatch, lambda: _change(second["access_token"], new="through-the-mirror"))
    answer = _change(first["access_token"])
    assert (answer.status, answer.json["subcode"]) == (401, 4131)
    assert _me(log_in(password="through-the-mirror")) == 200


def test_a_session_that_ends_during_the_change_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    sign_up()
    here = log_in()
    _during_the_hash(monkeypatch, lambda: _log_out(here))
    answer = _change(here["access_token"])
    assert (answer.status, answer.json["subcode"]) == (401, 4132)
    assert _me(log_in()) == 200


def test_of_two_resets_with_one_token_at_once_one_succeeds(monkeypatch: pytest.MonkeyPatch) -> None:
    sign_up()
    token = _issued()
    _during_the_hash(monkeypatch, lambda: _reset(token, "through-the-mirror"))
    assert _reset(token).status == 401
    assert _me(log_in(password="through-the-mirror")) == 200
