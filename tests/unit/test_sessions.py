"""Sessions: each refresh token works once, and using one twice ends its session."""

from datetime import datetime, timedelta

import pytest
from botocore.exceptions import ClientError
from pynamodb.connection import Connection
from pynamodb.exceptions import TransactWriteError, UpdateError

from accounts import administration, issuing
from accounts.model import SessionRecord, UserRecord
from sitewatch import clock, ids, tokens
from sitewatch.audit import OPERATOR
from sitewatch.callers import Caller, Role, TokenUse
from tests.world.calling import Answer, call
from tests.world.people import change, log_in, refresh, sign_up, stored

pytestmark = pytest.mark.usefixtures("cheap_hashing")


def _refused(answer: Answer) -> str:
    """Check that ``answer`` is a 401 and return its reason."""
    assert (answer.status, answer.json["subcode"]) == (401, 4132)
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "access_token" not in answer.json
    reason: str = answer.json["msg"]
    return reason


def test_a_refresh_token_returns_the_next_pair() -> None:
    user, first = sign_up(), log_in()
    answer = refresh(first["refresh_token"])

    assert answer.status == 200
    assert set(answer.json) == {"access_token", "refresh_token", "token_type", "expires_in"}
    assert (answer.json["token_type"], answer.json["expires_in"]) == ("bearer", 30 * 60)
    assert answer.json["refresh_token"] != first["refresh_token"]
    assert answer.headers["cache-control"] == "no-store"
    assert call("GET", "/users/me", token=answer.json["access_token"]).json["id"] == user["id"]


def test_a_session_lasts_as_long_as_it_is_refreshed() -> None:
    sign_up()
    token = log_in()["refresh_token"]
    for _ in range(3):
        answer = refresh(token)
        assert answer.status == 200
        token = answer.json["refresh_token"]


def test_a_refresh_token_from_a_json_login_works() -> None:
    sign_up()
    answer = call("POST", "/login", body={"username": "Alice", "password": "wonderland"})
    assert refresh(answer.json["refresh_token"]).status == 200


def test_the_oauth_form_refreshes_too() -> None:
    sign_up()
    first = log_in()["refresh_token"]
    form = {"grant_type": "refresh_token", "refresh_token": first}
    answer = call("POST", "/token", form=form)
    assert (answer.status, answer.json) == (200, refresh(first).json)
    assert call("POST", "/token", form={**form, "refresh_token": "x"}).status == 401
    missing = call("POST", "/token", form={"grant_type": "refresh_token"})
    assert (missing.status, [each["field"] for each in missing.json["detail"]]) == (400, ["refresh_token"])


def test_reusing_a_refresh_token_ends_the_whole_session() -> None:
    sign_up()
    first = log_in()["refresh_token"]
    second = refresh(first).json["refresh_token"]
    newest = refresh(second).json["refresh_token"]

    assert _refused(refresh(first)) == "Token has been revoked"
    assert _refused(refresh(newest)) == "Token has been revoked"
    assert _refused(refresh(second)) == "Token has been revoked"


def test_ending_one_session_leaves_others_alone() -> None:
    sign_up()
    here, there = log_in()["refresh_token"], log_in()["refresh_token"]
    refresh(refresh(here).json["refresh_token"])
    assert refresh(here).status == 401
    assert refresh(there).status == 200


def _pass_time(by: timedelta) -> None:
    """Let the only session have been refreshed that much earlier."""
    (session,) = SessionRecord.scan()
    session.refreshed_at -= by
    session.save()


def test_a_refresh_repeated_within_ten_seconds_returns_the_same_pair() -> None:
    sign_up()
    first = log_in()["refresh_token"]
    pair = refresh(first).json
    _pass_time(timedelta(seconds=9))

    repeated = refresh(first).json
    assert tokens.verify(repeated["refresh_token"]).token_id == tokens.verify(pair["refresh_token"]).token_id
    assert refresh(repeated["refresh_token"]).status == 200


def test_two_refreshes_at_once_return_one_pair() -> None:
    sign_up()
    first = log_in()["refresh_token"]
    assert refresh(first).json == refresh(first).json


def test_a_refresh_repeated_later_ends_the_session() -> None:
    sign_up()
    first = log_in()["refresh_token"]
    newest = refresh(first).json["refresh_token"]
    _pass_time(timedelta(seconds=11))

    assert _refused(refresh(first)) == "Token has been revoked"
    assert _refused(refresh(newest)) == "Token has been revoked"


def test_a_session_ends_thirty_days_after_its_login() -> None:
    sign_up()
    family, current = ids.derived_id(clock.now() - timedelta(days=29)), ids.new_id()
    SessionRecord(
        family,
        user_id=stored().id,
        current=current,
        refreshed_at=clock.now(),
        expires_at=clock.now() + timedelta(days=7),
    ).save()
    newest = refresh(_refresh_token(family, current)).json["refresh_token"]
    (session,) = SessionRecord.scan()
    assert abs(session.expires_at - (clock.now() + timedelta(days=1))) < timedelta(minutes=1)
    assert tokens.verify(newest).family == family


def test_an_access_token_cannot_refresh() -> None:
    sign_up()
    assert _refused(refresh(log_in()["access_token"])) == "Only refresh tokens are allowed"


def test_an_api_token_cannot_refresh() -> None:
    caller = Caller("m", "m", Role.MACHINE, TokenUse.API, ids.new_id())
    token = issuing.sign(caller, expires_at=clock.now() + timedelta(minutes=1))
    assert _refused(refresh(token)) == "Only refresh tokens are allowed"


def test_a_refresh_token_cannot_call_the_api() -> None:
    sign_up()
    token = log_in()["refresh_token"]
    assert _refused(call("GET", "/users/me", token=token)) == "Only access tokens are allowed"
    # The attempt does not use it up.
    assert refresh(token).status == 200


def _refresh_token(family: str, token_id: str, expires_at: datetime | None = None) -> str:
    caller = Caller(stored().id, "Alice", Role.USER, TokenUse.REFRESH, token_id, family)
    return issuing.sign(caller, expires_at=expires_at or clock.now() + timedelta(minutes=1))


def test_an_expired_refresh_token_is_a_401_and_leaves_the_session_alone() -> None:
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
def test_an_invalid_refresh_token_is_a_401(token: str, reason: str | None) -> None:
    assert _refused(refresh(token)) == reason or reason is None


def test_a_tampered_refresh_token_is_a_401() -> None:
    sign_up()
    token = log_in()["refresh_token"]
    header, payload, _ = token.split(".")
    signature = log_in()["refresh_token"].split(".")[2]
    assert _refused(refresh(f"{header}.{payload}.{signature}")) == "Signature verification failed"


def test_refreshing_a_deleted_session_is_a_401_and_does_not_restore_it() -> None:
    sign_up()
    token = _refresh_token(ids.new_id(), ids.new_id())
    assert _refused(refresh(token)) == "Token has been revoked"
    assert SessionRecord.count() == 0


@pytest.mark.parametrize(
    "body", [{}, {"refresh_token": ""}, {"refresh_token": None}, {"refresh_token": 1}, {"refresh_token": "x" * 4097}]
)
def test_a_malformed_refresh_request_reports_the_field(body: dict[str, object]) -> None:
    answer = call("POST", "/auth/refresh", body=body)
    assert answer.status == 400
    assert [problem["field"] for problem in answer.json["detail"]] == ["refresh_token"]


def test_a_disabled_user_cannot_refresh() -> None:
    sign_up()
    token = log_in()["refresh_token"]
    change(disabled=True)
    assert _refused(refresh(token)) == "Token has been revoked"


def test_a_deleted_user_cannot_refresh() -> None:
    sign_up()
    token = log_in()["refresh_token"]
    administration.delete(stored().id, OPERATOR)
    assert _refused(refresh(token)) == "Token has been revoked"
    assert UserRecord.count() == 0


def test_a_refresh_picks_up_a_changed_role() -> None:
    sign_up()
    token = log_in()["refresh_token"]
    change(role=Role.ADMIN)
    assert tokens.verify(refresh(token).json["access_token"]).role is Role.ADMIN


def test_a_session_expires_7_days_after_its_last_refresh() -> None:
    sign_up()
    token = log_in()["refresh_token"]
    (begun,) = SessionRecord.scan()
    begun.expires_at = clock.now() + timedelta(days=1)
    begun.save()

    refresh(token)
    (session,) = SessionRecord.scan()
    assert abs(session.expires_at - (clock.now() + timedelta(days=7))) < timedelta(minutes=1)


def test_a_table_failure_is_a_500_and_revokes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    sign_up()
    token = log_in()["refresh_token"]

    def fail(*_: object, **__: object) -> None:
        raise UpdateError("throttled")

    with monkeypatch.context() as patch:
        patch.setattr(Connection, "update_item", fail)
        assert refresh(token).status == 500
    assert refresh(token).status == 200


def test_a_failed_revocation_is_a_500_and_can_be_retried(monkeypatch: pytest.MonkeyPatch) -> None:
    sign_up()
    first = log_in()["refresh_token"]
    newest = refresh(refresh(first).json["refresh_token"]).json["refresh_token"]

    def fail(*_: object, **__: object) -> None:
        raise TransactWriteError("throttled", ClientError({"Error": {"Code": "AccessDeniedException"}}, "Transact"))

    with monkeypatch.context() as patch:
        patch.setattr(Connection, "transact_write_items", fail)
        assert refresh(first).status == 500
    # The next attempt, by the client or a thief, ends the session.
    assert _refused(refresh(first)) == "Token has been revoked"
    assert _refused(refresh(newest)) == "Token has been revoked"
