"""Idempotency-Key: a retry returns the first response and writes nothing."""

import hashlib
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any

import pytest
from aws_lambda_powertools.event_handler.openapi.params import Body

from accounts import signing_up
from sitewatch import api, idempotency, idempotency_store, ids, keyed_hash
from sitewatch.api import Api
from sitewatch.errors import FORBIDDEN, ApiError
from tests.world.aws import client
from tests.world.calling import Answer, Context, access_token, api_event, call, read

pytestmark = pytest.mark.usefixtures("cheap_hashing")

ALICE = {"username": "Alice", "password": "wonderland", "email": "alice@example.com"}


def _sign_up(body: object, key: str, **more: Any) -> Answer:
    return call("POST", "/users", body=body, headers={"Idempotency-Key": key}, **more)


def _users() -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = call("GET", "/users", token=access_token()).json["users"]
    return listed


def test_the_same_key_and_body_return_the_first_response_and_create_one_user() -> None:
    first, again = _sign_up(ALICE, "key"), _sign_up(ALICE, "key")

    assert first.status == again.status == 201
    assert first.text == again.text
    assert [user["id"] for user in _users()] == [first.json["id"]]


@pytest.mark.parametrize("key", ["k", "k" * 255, "ключ", "with spaces and {braces}"])
def test_any_printable_key_of_up_to_255_characters_is_valid(key: str) -> None:
    assert _sign_up(ALICE, key).text == _sign_up(ALICE, key).text


@pytest.mark.parametrize("name", ["Idempotency-Key", "idempotency-key", "IDEMPOTENCY-KEY"])
def test_the_header_name_is_case_insensitive(name: str) -> None:
    answers = {call("POST", "/users", body=ALICE, headers={name: "key"}).text for _ in range(2)}
    assert len(answers) == 1


@pytest.mark.parametrize("key", ["", "k" * 256, "a\tb", "\ud800"])
def test_an_invalid_key_is_a_400_and_creates_no_user(key: str) -> None:
    answer = _sign_up(ALICE, key)
    assert (answer.status, answer.json["subcode"]) == (400, 4018)
    assert answer.json["detail"][0]["field"] == "Idempotency-Key"
    assert _users() == []


def test_the_same_key_with_another_body_is_a_400() -> None:
    first = _sign_up(ALICE, "key")
    answer = _sign_up({**ALICE, "username": "Bob"}, "key")

    assert answer.status == 400
    assert answer.json["detail"][0]["field"] == "Idempotency-Key"
    assert [user["id"] for user in _users()] == [first.json["id"]]


def test_a_different_password_is_a_different_body() -> None:
    _sign_up(ALICE, "key")
    assert _sign_up({**ALICE, "password": "another"}, "key").status == 400


def test_without_a_key_a_request_is_processed_again() -> None:
    assert call("POST", "/users", body=ALICE).status == 201
    assert call("POST", "/users", body=ALICE).status == 409


def test_a_failure_is_not_stored() -> None:
    call("POST", "/users", body=ALICE)
    assert _sign_up(ALICE, "key").status == 409
    assert _sign_up({**ALICE, "username": "Bob"}, "key").status == 201


def test_a_bad_body_leaves_the_key_free() -> None:
    assert _sign_up({"username": "Alice"}, "key").status == 400
    assert _sign_up(ALICE, "key").status == 201


def test_a_key_is_remembered_for_24_hours() -> None:
    first = _sign_up(ALICE, "key")

    _age(24 * 60 * 60 - 60)
    assert _sign_up(ALICE, "key").text == first.text

    _age(62)
    assert _sign_up(ALICE, "key").status == 409


def _age(seconds: int) -> None:
    """Make the stored responses ``seconds`` older."""
    for stored in client("dynamodb").scan(TableName="IdempotencyTable")["Items"]:
        client("dynamodb").update_item(
            TableName="IdempotencyTable",
            Key={"id": stored["id"]},
            UpdateExpression="SET expiration = expiration - :seconds",
            ExpressionAttributeValues={":seconds": {"N": str(seconds)}},
        )


def test_the_table_holds_no_key_no_password_and_no_guessable_hash() -> None:
    answer = _sign_up(ALICE, "the-key-of-alice")
    assert answer.status == 201

    stored = json.dumps(client("dynamodb").scan(TableName="IdempotencyTable")["Items"])
    body = json.dumps(ALICE)
    assert answer.json["id"] in stored
    assert "wonderland" not in stored
    assert "the-key-of-alice" not in stored
    for secret in (body, "wonderland"):
        for digest in (hashlib.sha256, hashlib.md5, hashlib.sha1):
            assert digest(secret.encode()).hexdigest() not in stored


def test_the_stored_hash_of_a_body_differs_for_each_key() -> None:
    # Otherwise an attacker could guess bodies offline, and see which requests have equal bodies.
    counter, token = Counter(), access_token()
    for key in ("one", "other"):
        counter.ask(token, key=key, body={"the same": "body"})
    kept = [item["validation"]["S"] for item in client("dynamodb").scan(TableName="IdempotencyTable")["Items"]]
    assert len(set(kept)) == 2


# --- with a test endpoint -------------------------------------------------------------------------


class Counter:
    """An endpoint whose work can be counted, paused and made to fail."""

    def __init__(self, path: str = "/count") -> None:
        self.done = 0
        self.path = path
        self.failure: Exception | None = None
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.go_on.set()

    def app(self) -> Api:
        """Return a function instance. As in Lambda, each handles one request at a time."""
        app = Api(access=api.ALL_ROLES)

        @app.post(self.path)
        def count(body: Annotated[dict[str, Any], Body()]) -> dict[str, Any]:
            return idempotency.once(app, self._work)

        return app

    def _work(self) -> dict[str, Any]:
        self.begun.set()
        assert self.go_on.wait(10)
        if self.failure:
            raise self.failure
        self.done += 1
        return {"done": self.done}

    def ask(self, token: str, *, body: object = None, key: str = "key") -> Answer:
        event = api_event("POST", self.path, body=body or {"a": 1}, token=token, headers={"Idempotency-Key": key})
        return read(self.app().resolve(event, Context()))


def test_keys_are_separate_for_each_caller() -> None:
    counter, alice, bob = Counter(), access_token(subject=ids.new_id()), access_token(subject=ids.new_id())

    assert [counter.ask(token).json["done"] for token in (alice, bob, alice, bob)] == [1, 2, 1, 2]


def test_a_caller_keeps_its_keys_with_a_new_token() -> None:
    counter, subject = Counter(), ids.new_id()
    assert [counter.ask(access_token(subject=subject)).json["done"] for _ in range(2)] == [1, 1]


def test_keys_are_separate_for_each_route() -> None:
    one, other, token = Counter("/one"), Counter("/other"), access_token()
    one.ask(token)
    assert other.ask(token).json == {"done": 1}
    assert (one.done, other.done) == (1, 1)


def test_a_different_key_does_the_work_again() -> None:
    counter, token = Counter(), access_token()
    assert [counter.ask(token, key=key).json["done"] for key in ("a", "b", "a")] == [1, 2, 1]


@pytest.mark.parametrize("failure", [ApiError(FORBIDDEN), RuntimeError("what nobody expected")])
def test_failed_work_is_done_again(failure: Exception) -> None:
    counter, token = Counter(), access_token()
    counter.failure = failure
    assert counter.ask(token).status in (403, 500)

    counter.failure = None
    assert counter.ask(token).json == {"done": 1}


def test_a_concurrent_retry_waits_for_the_first_response() -> None:
    counter, token = Counter(), access_token()
    counter.go_on.clear()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(counter.ask, token)
        assert counter.begun.wait(10)
        second = pool.submit(counter.ask, token)
        counter.go_on.set()
        answers = [first.result(10), second.result(10)]

    assert [answer.json for answer in answers] == [{"done": 1}, {"done": 1}]
    assert counter.done == 1


def test_a_concurrent_retry_that_waits_too_long_is_a_429(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idempotency_store, "_WAIT_SECONDS", 0.0)
    counter, token = Counter(), access_token()
    counter.go_on.clear()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(counter.ask, token)
        assert counter.begun.wait(10)
        second = counter.ask(token)
        counter.go_on.set()

        assert (second.status, second.json["subcode"]) == (429, 4290)
        assert first.result(10).json == {"done": 1}


def test_of_many_concurrent_retries_one_does_the_work() -> None:
    counter, token = Counter(), access_token()
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: counter.ask(token), range(8)))
    assert [answer.json for answer in answers] == [{"done": 1}] * 8


# --- whose key, and what is stored ----------------------------------------------------------------


def test_an_anonymous_caller_cannot_use_up_the_key_of_another() -> None:
    body = {"sensor": "front", "ts": "2026-11-22T06:10:30Z", "in_count": 1, "out": 0}
    headers = {"Idempotency-Key": "key"}
    assert call("POST", "/api/webhook", body={**body, "out": 1}, headers=headers, address="203.0.113.1").status == 200
    for address in ("203.0.113.2", "203.0.113.3", "203.0.113.3"):
        assert call("POST", "/api/webhook", body=body, headers=headers, address=address).status == 200
    inside = call("GET", "/api/sensors/{sensor}/occupancy", path={"sensor": "front"}).json["inside"]
    assert inside == 2  # also for two callers with the same key and body


def _entries() -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = client("dynamodb").scan(TableName="IdempotencyTable")["Items"]
    return items


def test_the_stored_entries_do_not_depend_on_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signing_up, "_confirm", lambda *_, **__: None)
    assert _sign_up(ALICE, "key").status == 201
    before = _entries()
    assert _sign_up({**ALICE, "password": "another"}, "key").status == 201
    assert _entries() == before


def test_what_is_stored_cannot_be_computed_without_the_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = []
    for secret in (b"one", b"other"):
        monkeypatch.setattr(keyed_hash, "_key", lambda secret=secret: secret)
        Counter().ask(access_token(subject="01ARZ3NDEKTSV4RRFFQ69G5FAV"))
        kept.append({(item["id"]["S"], item["validation"]["S"]) for item in _entries()})
    assert len(kept[0]) == 1
    assert len(kept[1]) == 2


def test_a_sign_up_that_was_stopped_halfway_is_repeated_only_with_its_password() -> None:
    first = _sign_up(ALICE, "key")
    for item in _entries():
        if "#attempt#" not in item["id"]["S"]:
            client("dynamodb").delete_item(TableName="IdempotencyTable", Key={"id": item["id"]})
    assert _sign_up({**ALICE, "password": "another"}, "key").status == 409
    assert _sign_up(ALICE, "key").text == first.text
    assert call("POST", "/login", body={"username": "Alice", "password": "another"}).status == 401


def test_passwords_cannot_be_guessed_by_repeating_a_sign_up() -> None:
    _sign_up(ALICE, "key")
    answers = [_sign_up({**ALICE, "password": f"guess {number}"}, "key").status for number in range(12)]
    assert set(answers) == {400, 429}
    assert answers.count(400) <= 10


def test_every_entry_of_a_route_begins_with_its_name() -> None:
    _sign_up(ALICE, "key")
    assert {item["id"]["S"].partition("#")[0] for item in _entries()} == {"POST /users"}
