"""Logging in with forms and JSON, password rehashing, and failed logins."""

from typing import Any

import pytest
from argon2 import PasswordHasher

from accounts import issuing, passwords
from sitewatch import tokens
from sitewatch.callers import Role, TokenUse
from tests.world.calling import Answer, access_token, call
from tests.world.instance import Log
from tests.world.people import ALICE, bcrypt_hash, carry_over, change, log_in, sign_up, stored

pytestmark = pytest.mark.usefixtures("cheap_hashing")

WAYS = pytest.mark.parametrize("path", ["/token", "/auth/login", "/login"])
FORMS = pytest.mark.parametrize("path", ["/token", "/auth/login"])


def _log_in(path: str, username: str = "Alice", password: str = "wonderland") -> Answer:
    credentials = {"username": username, "password": password}
    return call("POST", path, body=credentials) if path == "/login" else call("POST", path, form=credentials)


def test_the_password_flow_returns_only_an_access_token() -> None:
    sign_up()
    answer = _log_in("/token")

    assert answer.status == 200
    assert set(answer.json) == {"access_token", "token_type", "expires_in"}
    assert (answer.json["token_type"], answer.json["expires_in"]) == ("bearer", 30 * 60)


def test_a_form_login_returns_a_pair_of_tokens() -> None:
    sign_up()
    answer = _log_in("/auth/login")

    assert answer.status == 200
    assert set(answer.json) == {"access_token", "refresh_token", "token_type", "expires_in"}
    assert (answer.json["token_type"], answer.json["expires_in"]) == ("bearer", 30 * 60)


def test_a_json_login_returns_the_user_and_tokens() -> None:
    user = sign_up()
    answer = _log_in("/login")

    assert answer.status == 200
    assert set(answer.json) == {"id", "timestamp", "username", "token", "refresh_token"}
    assert {name: answer.json[name] for name in ("id", "timestamp", "username")} == {
        name: user[name] for name in ("id", "timestamp", "username")
    }


@WAYS
def test_an_access_token_identifies_its_user_and_is_accepted(path: str) -> None:
    user = sign_up()
    answer = _log_in(path)
    token = answer.json.get("access_token") or answer.json["token"]

    caller = tokens.verify(token)
    assert (caller.subject, caller.username, caller.role, caller.use) == (
        user["id"],
        "Alice",
        Role.USER,
        TokenUse.ACCESS,
    )
    assert call("GET", "/users/me", token=token).json == {**user, "role": "user"}


@WAYS
def test_responses_with_tokens_are_not_cached(path: str) -> None:
    # RFC 6749, section 5.1.
    sign_up()
    assert _log_in(path).headers["cache-control"] == "no-store"


@WAYS
@pytest.mark.parametrize("username", ["alice", "ALICE"])
def test_login_ignores_the_case_of_the_username(path: str, username: str) -> None:
    sign_up()
    assert _log_in(path, username).status == 200


@WAYS
def test_a_token_carries_the_role_at_login(path: str) -> None:
    sign_up()
    change(role=Role.ADMIN)
    answer = _log_in(path)
    assert tokens.verify(answer.json.get("access_token") or answer.json["token"]).role is Role.ADMIN


@FORMS
@pytest.mark.parametrize(
    "extra",
    [
        {"grant_type": "", "scope": "", "client_id": "", "client_secret": ""},
        {"grant_type": "password", "scope": "read write", "client_id": "docs", "client_secret": "s3cret"},
        {"unknown": "field"},
    ],
)
def test_extra_oauth_2_fields_are_accepted_and_may_be_empty(path: str, extra: dict[str, str]) -> None:
    sign_up()
    assert call("POST", path, form={**ALICE, **extra}).status == 200


@FORMS
def test_a_base64_encoded_form_logs_in(path: str) -> None:
    sign_up()
    headers = {"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"}
    assert call("POST", path, body=b"username=Alice&password=wonderland", headers=headers).status == 200


# --- failed logins --------------------------------------------------------------------------------


@WAYS
def test_wrong_password_unknown_user_and_disabled_user_get_identical_responses(path: str) -> None:
    sign_up()
    sign_up("Disabled")
    change("Disabled", disabled=True)

    wrong, unknown, disabled = _log_in(path, password="wrong"), _log_in(path, "Bob"), _log_in(path, "Disabled")
    assert wrong == unknown == disabled
    assert wrong.json == {
        "code": 401,
        "subcode": 4131,
        "error": "Bad Credentials",
        "detail": "Incorrect username or password",
        "msg": "Incorrect username or password",
    }
    assert wrong.headers["www-authenticate"] == "Bearer"


@WAYS
def test_login_verifies_a_password_even_for_an_unknown_user(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    checked: list[str | None] = []
    verify = passwords.verify

    def watched(password_hash: str | None, password: str) -> bool:
        checked.append(password_hash)
        return verify(password_hash, password)

    monkeypatch.setattr(passwords, "verify", watched)
    _log_in(path, "Bob")
    assert checked == [None]


@WAYS
@pytest.mark.parametrize("password", ["Wonderland", "wonderland ", "", "wonder", "wonderlandx"])
def test_only_the_exact_password_logs_in(path: str, password: str) -> None:
    sign_up()
    assert _log_in(path, password=password).status == 401


@WAYS
@pytest.mark.parametrize("username", ["al", "user#1", "Alice/", "é", ""])
def test_an_invalid_username_is_an_unknown_user(path: str, username: str) -> None:
    assert _log_in(path, username).status == 401


def _bad(answer: Answer) -> tuple[int, int, list[str]]:
    return answer.status, answer.json["subcode"], [problem["field"] for problem in answer.json["detail"]]


@WAYS
def test_a_field_that_is_too_long_is_reported(path: str) -> None:
    assert _bad(_log_in(path, username="a" * 65)) == (400, 4002, ["username"])
    assert _bad(_log_in(path, password="a" * 129)) == (400, 4001, ["password"])


@FORMS
@pytest.mark.parametrize("body", [None, "", "x=1", "&&&", "%"])
def test_missing_form_fields_are_reported(path: str, body: str | None) -> None:
    assert _bad(call("POST", path, body=body)) == (400, 4002, ["username", "password"])


@FORMS
def test_a_lone_surrogate_in_a_form_is_a_400(path: str) -> None:
    assert _bad(call("POST", path, body="username=Alice&password=\ud800")) == (400, 4018, ["body"])


@FORMS
def test_undecodable_bytes_in_a_form_are_a_wrong_password(path: str) -> None:
    sign_up()
    assert call("POST", path, body="username=Alice&password=%ff%fe").status == 401


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["username", "password"]),
        ({"username": "Alice"}, ["password"]),
        ({"username": None, "password": "wonderland"}, ["username"]),
        ({"username": "Alice", "password": 12345}, ["password"]),
        ({"username": ["Alice"], "password": {"$ne": ""}}, ["username", "password"]),
    ],
)
def test_a_json_login_reports_its_bad_fields(body: dict[str, Any], fields: list[str]) -> None:
    subcode = 4002 if fields[0] == "username" else 4001
    assert _bad(call("POST", "/login", body=body)) == (400, subcode, fields)


# --- old password hashes --------------------------------------------------------------------------


@WAYS
@pytest.mark.parametrize("password", ["wonderland", "w" * 72, "ä" * 36])
def test_login_replaces_an_imported_bcrypt_hash_with_argon2id(path: str, password: str) -> None:
    sign_up()
    carry_over(bcrypt_hash(password))
    assert _log_in(path, password="not it").status == 401
    assert stored().password_hash.startswith("$2b$")

    assert _log_in(path, password=password).status == 200
    rehashed = stored().password_hash
    assert rehashed.startswith("$argon2id$")
    assert not passwords.needs_rehash(rehashed)

    assert _log_in(path, password=password).status == 200
    assert stored().password_hash == rehashed


def test_a_password_that_changes_during_the_login_is_not_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    sign_up()
    carry_over(bcrypt_hash("wonderland"))
    hash_password = passwords.hash_password
    newer = hash_password("looking-glass")

    def changed_meanwhile(password: str) -> str:
        carry_over(newer)
        return hash_password(password)

    monkeypatch.setattr(passwords, "hash_password", changed_meanwhile)
    assert _log_in("/login").status == 200
    assert stored().password_hash == newer


@WAYS
def test_a_wrong_tail_after_bcrypts_72_bytes_is_neither_accepted_nor_stored(path: str) -> None:
    sign_up()
    carry_over(bcrypt_hash("w" * 100))
    assert _log_in(path, password="w" * 72 + "wrong").status == 401
    assert stored().password_hash.startswith("$2b$")


@WAYS
@pytest.mark.parametrize("broken", ["$2b$12$broken", "$argon2id$v=19$broken", "nothing"])
def test_a_damaged_stored_hash_is_a_401_and_an_error_in_the_log(log: Log, path: str, broken: str) -> None:
    user = sign_up()
    carry_over(broken)
    assert _log_in(path) == _log_in(path, "Nobody")
    [line] = [line for line in log.lines if line["level"] == "ERROR"]
    assert (line["message"], line["user_id"]) == ("stored password hash is unreadable", user["id"])
    assert broken not in log.text


def test_login_replaces_a_hash_with_weaker_parameters() -> None:
    sign_up()
    weak = PasswordHasher(time_cost=1, memory_cost=16, parallelism=1)
    carry_over(weak.hash("wonderland"))

    log_in()
    assert not passwords.needs_rehash(stored().password_hash)
    log_in()


def test_a_rehash_changes_nothing_else() -> None:
    user = sign_up(email="alice@example.com", full_name="Alice Liddell")
    carry_over(bcrypt_hash("wonderland"))
    token = log_in()["access_token"]
    assert call("GET", "/users/me", token=token).json == {**user, "role": "user"}


# --- who am I -------------------------------------------------------------------------------------


def test_users_me_is_a_404_for_a_deleted_account() -> None:
    answer = call("GET", "/users/me", token=access_token())
    assert (answer.status, answer.json["subcode"], answer.json["error"]) == (404, 4041, "User Not Found")


def test_access_tokens_last_30_minutes_and_refresh_tokens_7_days() -> None:
    assert tokens.ACCESS_LIFETIME.total_seconds() == 30 * 60
    assert issuing.REFRESH_LIFETIME.total_seconds() == 7 * 24 * 60 * 60
