"""Signing up through both endpoints: one account per username, and nothing stored for a bad request."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from accounts import credentials, passwords
from accounts.model import NewUser
from sitewatch.callers import Origin, Role
from sitewatch.errors import USERNAME_TAKEN, ApiError, ErrorCode
from tests.world.aws import client
from tests.world.calling import access_token, call
from tests.world.faults import Fault, Killed, at_call, forget_unfinished_requests, one_invocation
from tests.world.people import ALICE, log_in, sign_up, stored

pytestmark = pytest.mark.usefixtures("cheap_hashing")

BOTH = pytest.mark.parametrize("path", ["/users", "/auth/signup"])


def _items() -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = client("dynamodb").scan(TableName="UsersTable")["Items"]
    return items


def test_sign_up_returns_all_details() -> None:
    answer = call("POST", "/users", body={**ALICE, "email": "alice@example.com", "full_name": "Alice Liddell"})

    assert answer.status == 201
    assert answer.json == {
        "id": answer.json["id"],
        "username": "Alice",
        "email": "alice@example.com",
        "full_name": "Alice Liddell",
        "disabled": False,
        "timestamp": answer.json["timestamp"],
    }
    assert answer.json["timestamp"].endswith("Z")
    assert stored().id == answer.json["id"]


def test_details_may_be_omitted_or_null() -> None:
    for name, more in (("Alice", {}), ("Bob", {"email": None, "full_name": None})):
        answer = call("POST", "/users", body={"username": name, "password": "wonderland", **more})
        assert (answer.status, answer.json["email"], answer.json["full_name"]) == (201, None, None)


def test_auth_signup_returns_only_the_username() -> None:
    answer = call("POST", "/auth/signup", body=ALICE)
    assert (answer.status, answer.json) == (201, {"username": "Alice"})
    assert log_in()["access_token"]


@BOTH
def test_a_new_user_gets_the_role_user_whatever_the_request_says(path: str) -> None:
    assert call("POST", path, body={**ALICE, "role": "admin", "disabled": True, "id": "mine"}).status == 201
    assert (stored().role, stored().disabled) == (Role.USER.value, False)
    assert stored().id != "mine"


@BOTH
def test_json_with_curls_default_content_type_is_accepted(path: str) -> None:
    answer = call("POST", path, body=ALICE, headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert answer.status == 201


def test_a_token_makes_sign_up_a_job_and_a_bad_token_is_rejected() -> None:
    assert call("POST", "/users", body=ALICE, token=access_token()).status == 202  # see test_jobs.py
    assert call("POST", "/users", body=ALICE, token=access_token(Role.MACHINE)).status == 403
    assert call("POST", "/users", body=ALICE, token="garbage").status == 401
    assert call("POST", "/auth/signup", body=ALICE, token="garbage").status == 201


# --- one account per username ----------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("other", ["Alice", "alice", "ALICE", "aLiCe"])
def test_a_taken_username_is_a_409_ignoring_case(path: str, other: str) -> None:
    first = sign_up()
    answer = call("POST", path, body={"username": other, "password": "another"})

    assert answer.status == 409
    assert {name: answer.json[name] for name in ("code", "subcode", "error")} == {
        "code": 409,
        "subcode": 4004,
        "error": "Username Already Taken",
    }
    assert stored(other).id == first["id"]
    assert len(_items()) == 2  # the user and its username claim


@pytest.mark.parametrize("names", [("Alice", "Alice"), ("Alice", "aLICE")])
def test_concurrent_sign_ups_create_one_account_and_one_409(
    monkeypatch: pytest.MonkeyPatch, names: tuple[str, str]
) -> None:
    both_are_ready = threading.Barrier(2, timeout=10)
    hash_password = passwords.hash_password

    def hash_and_wait(password: str) -> str:
        # By now, an implementation that checks before it writes would have checked.
        hashed = hash_password(password)
        both_are_ready.wait()
        return hashed

    def create(name: str) -> str | ErrorCode:
        try:
            return credentials.create(NewUser(**{**ALICE, "username": name}), Origin(None)).username
        except ApiError as error:
            return error.code

    monkeypatch.setattr(passwords, "hash_password", hash_and_wait)
    # Not through the endpoints: Powertools keeps the current event in a global, as Lambda handles one at a time.
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(create, names))

    answers.remove(USERNAME_TAKEN)
    assert answers == [stored().username]
    assert len(_items()) == 2


@pytest.mark.parametrize("stop", [Fault.KILLED_BEFORE, Fault.KILLED_AFTER])
def test_a_killed_sign_up_retried_with_its_idempotency_key_creates_one_account(stop: Fault) -> None:
    """Kills the first attempt at each of its AWS calls in turn."""
    for number in range(8):
        body, key = {**ALICE, "username": f"alice-{number}"}, {"Idempotency-Key": f"key-{number}"}
        with suppress(Killed), one_invocation(at_call(number, stop)):
            call("POST", "/users", body=body, headers=key)
        forget_unfinished_requests()
        second = call("POST", "/users", body=body, headers=key)
        assert second.status == 201
        assert stored(body["username"]).id == second.json["id"]
        assert call("POST", "/users", body=body).status == 409
    assert len(_items()) == 2 * 8


def _cancel(monkeypatch: pytest.MonkeyPatch, *reasons: str) -> None:
    """Make DynamoDB cancel every transaction with ``reasons``, one per item."""
    error: Any = {
        "Error": {"Code": "TransactionCanceledException", "Message": "Transaction cancelled"},
        "CancellationReasons": [{"Code": reason} for reason in reasons],
    }

    def transact(*_: object) -> None:
        raise ClientError(error, "TransactWriteItems")

    monkeypatch.setattr("sitewatch.tables.Connection.client", SimpleNamespace(_make_api_call=transact))


@pytest.mark.parametrize("reason", ["TransactionConflict", "ConditionalCheckFailed"])
def test_a_sign_up_that_loses_a_race_is_a_409(monkeypatch: pytest.MonkeyPatch, reason: str) -> None:
    _cancel(monkeypatch, reason, "None")
    answer = call("POST", "/users", body=ALICE)
    assert (answer.status, answer.json["subcode"]) == (409, 4004)


@pytest.mark.parametrize("reasons", [(), ("ThrottlingError", "None"), ("None", "ValidationError")])
def test_a_sign_up_that_fails_for_another_reason_is_a_500(
    monkeypatch: pytest.MonkeyPatch, reasons: tuple[str, ...]
) -> None:
    _cancel(monkeypatch, *reasons)
    answer = call("POST", "/users", body=ALICE)
    assert (answer.status, answer.json["subcode"]) == (500, 5000)


@pytest.mark.parametrize("username", ["bob", "b.o-b_", "0" * 64, "---", "..."])
def test_usernames_of_3_to_64_plain_characters_are_accepted(username: str) -> None:
    assert sign_up(username)["username"] == username


@pytest.mark.parametrize("password", ["1234", "p" * 128, "пароль", "🔑🔑🔑🔑", " 1 2 ", "a\x00b\n", "💂" * 128])
def test_passwords_of_4_to_128_characters_of_any_kind_log_in(password: str) -> None:
    sign_up(password=password)
    assert log_in(password=password)["access_token"]
    answer = call("POST", "/login", body={"username": "Alice", "password": password})
    assert answer.status == 200


def test_the_last_of_duplicate_fields_counts() -> None:
    answer = call("POST", "/users", body='{"username": "b", "username": "Alice", "password": "wonderland"}')
    assert (answer.status, answer.json["username"]) == (201, "Alice")

    answer = call("POST", "/users", body='{"username": "Bob", "username": "b", "password": "wonderland"}')
    assert (answer.status, answer.json["subcode"]) == (400, 4002)
