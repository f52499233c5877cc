"""Sessions: each refresh token is good for one use, and one that is used twice ends its session."""

from datetime import datetime, timedelta

import pytest
from pynamodb.connection import Connection
from pynamodb.exceptions import UpdateError

from accounts import issuing
from accounts.model import SessionRecord, UserRecord
from sitewatch import clock, ids, tokens
from sitewatch.callers import Caller, Role, TokenUse
from tests.world.calling import Answer, call
from tests.world.people import change, log_in, refresh, sign_up, stored

pytestmark = pytest.mark.usefixtures("cheap_hashing")


def _refused(answer: Answer) -> str:
    """The reason of a 401."""
    assert (answer.status, answer.json["subcode"]) == (401, 4132)
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "access_token" not in answer.json
    reason: str = answer.json["msg"]
    return reason


def test_a_refresh_token_gets_the_next_pair() -> None:
    user, first = sign_up(), log_in()
    answer = refresh(first["refresh_token"])

    assert answer.status == 200
    assert set(answer.json) == {"access_token", "refresh_token", "token_type", "expires_in"}
    assert (answer.json["token_type"], answer.json["expires_in"]) == ("bearer", 30 * 60)
    assert answer.json["refresh_token"] != first["refresh_token"]
    assert answer.headers["cache-control"] == "no-store"
    assert call("GET", "/users/me", token=answer.json["access_token"]).json["id"] == user["id"]


def test_a_session_goes_on_as_long_as_it_is_refreshed() -> None:
    sign_up()
    token = log_in()["refresh_token"]
    for _ in range(3):
        answer = refresh(token)
        assert answer.status == 200
        token = answer.json["refresh_token"]


def test_the_refresh_token_of_a_login_with_json_is_as_good() -> None:
    sign_up()
    answer = call("POST", "/login", body={"username": "Alice", "password": "wonderland"})
    assert refresh(answer.json["refresh_token"]).status == 200


def test_a_spent_token_that_comes_again_ends_the_whole_session() -> None:
    sign_up()
    first = log_in()["refresh_token"]
    second = refresh(first).json["refresh_token"]
    newest = refresh(second).json["refresh_token"]

    assert _refused(refresh(first)) == "Token has been revoked"
    assert _refused(refresh(newest)) == "Token has been revoked"
    assert _refused(refresh(second)) == "Token has been revoked"


def test_the_end_of_a_session_is_not_that_of_another() -> None:
    sign_up()
    here, there = log_in()["refresh_token"], log_in()["refresh_token"]
    refresh(here)
    refresh(here)
    assert refresh(there).status == 200


def test_an_access_token_does_not_refresh() -> None:
    sign_up()
    assert _refused(refresh(log_in()["access_token"])) == "Only refresh tokens are allowed"


def test_an_api_token_does_not_refresh() -> None:
    caller = Caller("m", "m", Role.MACHINE, TokenUse.API, ids.new_id())
    token = issuing.sign(caller, expires_at=clock.now() + timedelta(minutes=1))
    assert _refused(refresh(token)) == "Only refresh tokens are allowed"


def test_a_refresh_token_does_not_call() -> None:
    sign_up()
    token = log_in()["refresh_token"]
    assert _refused(call("GET", "/users/me", token=token)) == "Only access tokens are allowed"
    # Nor is it spent by that.
    assert refresh(token).status == 200


def _refresh_token(family: str, token_id: str, expires_at: datetime | None = None) -> str:
    caller = Caller(stored().id, "Alice", Role.USER, TokenUse.REFRESH, token_id, family)
    return issuing.sign(caller, expires_at=expires_at or clock.now() + timedelta(minutes=1))


def test_an_expired_refresh_token_is_told_so_and_ends_nothing() -> None:
    sign_up()
    newest = log_in()["refresh_token"]
    spent = tokens.verify(newest)
    assert spent.family
    expired = _refresh_token(spent.family, spent.token_id, clock.now() - timedelta(seconds=1))

    assert _refused(refresh(expired)) == "Token has expired"
    assert refresh(newest).status == 200


@pytest.mark.parametrize(
    ("token", "reason"), [("garbage", "Not enough segments"), ("a.b.c", None), ("é.ü.ö", None), ("W10.e30.c2ln", None)]
)
def test_what_is_no_token_of_ours_is_a_401(token: str, reason: str | None) -> None:
    assert _refused(refresh(token)) == reason or reason is None


def test_a_tampered_refresh_token_is_a_401() -> None:
    sign_up()
    token = log_in()["refresh_token"]
    header, payload, _ = token.split(".")
    signature = log_in()["refresh_token"].split(".")[2]
    assert _refused(refresh(f"{header}.{payload}.{signature}")) == "Signature verification failed"


def test_a_session_that_is_gone_is_a_401_and_comes_not_back() -> None:
    sign_up()
    token = _refresh_token(ids.new_id(), ids.new_id())
    assert _refused(refresh(token)) == "Token has been revoked"
    assert SessionRecord.count() == 0


@pytest.mark.parametrize(
    "body", [{}, {"refresh_token": ""}, {"refresh_token": None}, {"refresh_token": 1}, {"refresh_token": "x" * 4097}]
)
def test_a_bad_refresh_token_is_named(body: dict[str, object]) -> None:
    answer = call("POST", "/auth/refresh", body=body)
    assert answer.status == 400
    assert [problem["field"] for problem in answer.json["detail"]] == ["refresh_token"]


def test_a_disabled_user_gets_no_more_tokens() -> None:
    sign_up()
    token = log_in()["refresh_token"]
    change(disabled=True)
    assert _refused(refresh(token)) == "Token has been revoked"


def test_a_deleted_user_gets_no_more_tokens() -> None:
    sign_up()
    token = log_in()["refresh_token"]
    stored().delete()
    assert _refused(refresh(token)) == "Token has been revoked"
    assert UserRecord.count() == 1  # the claim to the name, as an operator left it


def test_a_refresh_brings_the_role_of_today() -> None:
    sign_up()
    token = log_in()["refresh_token"]
    change(role=Role.ADMIN)
    assert tokens.verify(refresh(token).json["access_token"]).role is Role.ADMIN


def test_a_session_is_kept_for_7_days_after_its_last_refresh() -> None:
    sign_up()
    token = log_in()["refresh_token"]
    (begun,) = SessionRecord.scan()
    begun.expires_at = clock.now() + timedelta(days=1)
    begun.save()

    refresh(token)
    (session,) = SessionRecord.scan()
    assert abs(session.expires_at - (clock.now() + timedelta(days=7))) < timedelta(minutes=1)


def test_a_table_that_fails_is_an_error_and_no_revocation(monkeypatch: pytest.MonkeyPatch) -> None:
    sign_up()
    token = log_in()["refresh_token"]

    def fail(*_: object, **__: object) -> None:
        raise UpdateError("throttled")

    with monkeypatch.context() as patch:
        patch.setattr(Connection, "update_item", fail)
        assert refresh(token).status == 500
    assert refresh(token).status == 200


def test_a_revocation_that_fails_is_an_error_and_not_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    sign_up()
    first = log_in()["refresh_token"]
    newest = refresh(first).json["refresh_token"]
    update = Connection.update_item

    def fail_to_revoke(connection: Connection, *arguments: object, **more: object) -> object:
        if "revoked" in str(more.get("actions")):
            raise UpdateError("throttled")
        return update(connection, *arguments, **more)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Connection, "update_item", fail_to_revoke)
        assert refresh(first).status == 500
    # So that the client, or the thief, who tries again ends it.
    assert _refused(refresh(first)) == "Token has been revoked"
    assert _refused(refresh(newest)) == "Token has been revoked"
