"""Signing up: both ways, one account for a name, and nothing stored of what is bad."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from accounts import credentials, passwords
from accounts.model import NewUser
from sitewatch.callers import Role
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


def test_who_signs_up_with_all_details_reads_them_again() -> None:
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


def test_details_may_be_left_out_or_null() -> None:
    for name, more in (("Alice", {}), ("Bob", {"email": None, "full_name": None})):
        answer = call("POST", "/users", body={"username": name, "password": "wonderland", **more})
        assert (answer.status, answer.json["email"], answer.json["full_name"]) == (201, None, None)


def test_the_short_way_answers_the_username_alone() -> None:
    answer = call("POST", "/auth/signup", body=ALICE)
    assert (answer.status, answer.json) == (201, {"username": "Alice"})
    assert log_in()["access_token"]


@BOTH
def test_a_new_user_has_the_role_user_whatever_it_asks_for(path: str) -> None:
    assert call("POST", path, body={**ALICE, "role": "admin", "disabled": True, "id": "mine"}).status == 201
    assert (stored().role, stored().disabled) == (Role.USER.value, False)
    assert stored().id != "mine"


@BOTH
def test_a_body_that_curl_calls_a_form_is_json_all_the_same(path: str) -> None:
    answer = call("POST", path, body=ALICE, headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert answer.status == 201


def test_a_token_makes_a_job_of_it_and_a_bad_one_does_not_count_as_none() -> None:
    assert call("POST", "/users", body=ALICE, token=access_token()).status == 202  # see test_jobs.py
    assert call("POST", "/users", body=ALICE, token=access_token(Role.MACHINE)).status == 403
    assert call("POST", "/users", body=ALICE, token="garbage").status == 401
    assert call("POST", "/auth/signup", body=ALICE, token="garbage").status == 201


# --- one account for a name -----------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("other", ["Alice", "alice", "ALICE", "aLiCe"])
def test_a_taken_name_is_a_409_whatever_its_letter_case(path: str, other: str) -> None:
    first = sign_up()
    answer = call("POST", path, body={"username": other, "password": "another"})

    assert answer.status == 409
    assert {name: answer.json[name] for name in ("code", "subcode", "error")} == {
        "code": 409,
        "subcode": 4004,
        "error": "Username Already Taken",
    }
    assert stored(other).id == first["id"]
    assert len(_items()) == 2  # the user, and its claim to the name


@pytest.mark.parametrize("names", [("Alice", "Alice"), ("Alice", "aLICE")])
def test_two_sign_ups_at_once_make_one_account_and_one_409(
    monkeypatch: pytest.MonkeyPatch, names: tuple[str, str]
) -> None:
    both_are_ready = threading.Barrier(2, timeout=10)
    hash_password = passwords.hash_password

    def hash_and_wait(password: str) -> str:
        # Where a sign-up that looked before it wrote would have looked already.
        hashed = hash_password(password)
        both_are_ready.wait()
        return hashed

    def create(name: str) -> str | ErrorCode:
        try:
            return credentials.create(NewUser(**{**ALICE, "username": name})).username
        except ApiError as error:
            return error.code

    monkeypatch.setattr(passwords, "hash_password", hash_and_wait)
    # Not through the endpoints: Powertools keeps the event of a process in one place, since Lambda gives it one only.
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(create, names))

    answers.remove(USERNAME_TAKEN)
    assert answers == [stored().username]
    assert len(_items()) == 2


@pytest.mark.parametrize("stop", [Fault.KILLED_BEFORE, Fault.KILLED_AFTER])
def test_a_key_makes_one_account_of_a_sign_up_that_is_killed_and_sent_again(stop: Fault) -> None:
    """At each call of the first attempt."""
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
    """Let every transaction be cancelled for ``reasons``, one for each of its items, as DynamoDB says it."""
    error: Any = {
        "Error": {"Code": "TransactionCanceledException", "Message": "Transaction cancelled"},
        "CancellationReasons": [{"Code": reason} for reason in reasons],
    }

    def transact(*_: object) -> None:
        raise ClientError(error, "TransactWriteItems")

    monkeypatch.setattr("sitewatch.tables.Connection.client", SimpleNamespace(_make_api_call=transact))


@pytest.mark.parametrize("reason", ["TransactionConflict", "ConditionalCheckFailed"])
def test_a_sign_up_that_lost_to_another_is_a_409(monkeypatch: pytest.MonkeyPatch, reason: str) -> None:
    _cancel(monkeypatch, reason, "None")
    answer = call("POST", "/users", body=ALICE)
    assert (answer.status, answer.json["subcode"]) == (409, 4004)


@pytest.mark.parametrize("reasons", [(), ("ThrottlingError", "None"), ("None", "ValidationError")])
def test_a_sign_up_that_failed_for_another_reason_does_not_say_that_the_name_is_taken(
    monkeypatch: pytest.MonkeyPatch, reasons: tuple[str, ...]
) -> None:
    _cancel(monkeypatch, *reasons)
    answer = call("POST", "/users", body=ALICE)
    assert (answer.status, answer.json["subcode"]) == (500, 5000)


@pytest.mark.parametrize("username", ["bob", "b.o-b_", "0" * 64, "---", "..."])
def test_a_name_of_3_to_64_plain_characters_is_taken(username: str) -> None:
    assert sign_up(username)["username"] == username


@pytest.mark.parametrize("password", ["1234", "p" * 128, "пароль", "🔑🔑🔑🔑", " 1 2 ", "a\x00b\n", "💂" * 128])
def test_a_password_of_4_to_128_characters_of_any_kind_logs_in(password: str) -> None:
    sign_up(password=password)
    assert log_in(password=password)["access_token"]
    answer = call("POST", "/login", body={"username": "Alice", "password": password})
    assert answer.status == 200


def test_of_a_field_that_comes_twice_the_last_one_counts() -> None:
    answer = call("POST", "/users", body='{"username": "b", "username": "Alice", "password": "wonderland"}')
    assert (answer.status, answer.json["username"]) == (201, "Alice")

    answer = call("POST", "/users", body='{"username": "Bob", "username": "b", "password": "wonderland"}')
    assert (answer.status, answer.json["subcode"]) == (400, 4002)
