"""No response or log line ever contains a password, its hash or a token, whatever the accounts API does."""

import json
import logging
from dataclasses import dataclass, field

import pytest

from sitewatch.audit import newest_first
from tests.world.calling import Answer, admin_token, call
from tests.world.instance import Log
from tests.world.people import bcrypt_hash, carry_over, sign_up, stored

pytestmark = pytest.mark.usefixtures("cheap_hashing")

PASSWORD = "Tr0ub4dor-and-3"
WRONG = "c0rrect-h0rse-battery"
LEGACY = "st4ple-of-the-past"


@dataclass
class Walk:
    """The responses so far, and the tokens issued in them."""

    answers: list[Answer] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)

    def call(self, method: str, resource: str, **request: object) -> Answer:
        answer = call(method, resource, **request)  # type: ignore[arg-type]
        self.answers.append(answer)
        if answer.status in (200, 201) and answer.text:
            self.tokens += [
                answer.json[name]
                for name in ("access_token", "refresh_token", "token", "api_token", "reset_token")
                if name in answer.json
            ]
        return answer


def _walk() -> Walk:
    """Call every accounts endpoint, with good and bad requests.

    Not a fixture, because pytest captures the log of fixtures and tests separately.
    """
    walk = Walk()
    alice = {"username": "Alice", "password": PASSWORD}
    wrong = {"username": "Alice", "password": WRONG}
    walk.call("POST", "/users", body={**alice, "email": "alice@example.com"}, headers={"Idempotency-Key": "key"})
    walk.call("POST", "/users", body={**alice, "email": "alice@example.com"}, headers={"Idempotency-Key": "key"})
    walk.call("POST", "/users", body=wrong, headers={"Idempotency-Key": "key"})
    walk.call("POST", "/users", body=alice)
    walk.call("POST", "/auth/signup", body={**alice, "username": "bob"})
    for path in ("/users", "/auth/signup", "/login"):
        walk.call("POST", path, body={"username": PASSWORD * 10, "password": [PASSWORD]})
        walk.call("POST", path, body={"username": 1, "password": {"nested": PASSWORD}})
        walk.call("POST", path, body=f'{{"password": "{PASSWORD}"')
        walk.call("POST", path, form=alice)
        walk.call("POST", path, body={"username": "Alice", "password": PASSWORD * 20})
    for path in ("/token", "/auth/login"):
        walk.call("POST", path, form=alice)
        walk.call("POST", path, form=wrong)
        walk.call("POST", path, form={**alice, "username": "nobody"})
        walk.call("POST", path, form={"password": PASSWORD})
        walk.call("POST", path, form={"username": PASSWORD * 10, "password": PASSWORD})
        walk.call("POST", path, body=alice)
    walk.call("POST", "/login", body=wrong)
    pair = walk.call("POST", "/login", body=alice).json
    walk.call("GET", "/users/me", token=pair["token"])
    walk.call("GET", "/users", token=pair["token"])
    walk.call("GET", "/users/me", token=pair["refresh_token"])
    walk.call("GET", "/users/me", token=pair["token"][:-4])
    walk.call("POST", "/auth/refresh", body={"refresh_token": pair["refresh_token"]})
    walk.call("POST", "/auth/refresh", body={"refresh_token": pair["refresh_token"]})
    walk.call("POST", "/auth/refresh", body={"refresh_token": pair["token"]})
    walk.call("POST", "/auth/refresh", body={"refresh_token": [pair["token"]]})
    admin = admin_token()
    walk.tokens.append(admin)
    issued = walk.call("POST", "/api/tokens", body={"name": "camera"}, token=admin).json
    walk.call("GET", "/api/tokens", token=admin)
    walk.call("GET", "/api/ready", token=issued["api_token"])
    walk.call("GET", "/users", token=issued["api_token"])
    walk.call("DELETE", "/api/tokens/{token_id}", path={"token_id": issued["id"]}, token=admin)
    walk.call("GET", "/users/me", token=PASSWORD)
    carry_over(bcrypt_hash(LEGACY))
    walk.call("POST", "/login", body={**alice, "password": LEGACY})
    _change_and_end(walk, admin)
    return walk


def _change_and_end(walk: Walk, admin: str) -> None:
    """Call the endpoints that change or end users and sessions, with good and bad requests."""
    alice, bob = ({"user_id": stored(name).id} for name in ("Alice", "bob"))
    token = walk.call("POST", "/login", body={"username": "Alice", "password": LEGACY}).json["token"]
    for body in ({"current_password": WRONG}, {"current_password": LEGACY}, {"current_password": [LEGACY]}):
        walk.call("PUT", "/users/me/password", body={**body, "new_password": PASSWORD}, token=token)
    reset = walk.call("POST", "/users/{user_id}/password-reset", path=alice, token=admin).json["reset_token"]
    for given, new in ((reset[:-2], PASSWORD), (reset, [PASSWORD]), (reset, PASSWORD), (reset, PASSWORD)):
        walk.call("POST", "/auth/reset-password", body={"reset_token": given, "new_password": new})
    pair = walk.call("POST", "/auth/login", form={"username": "Alice", "password": PASSWORD}).json
    form = {"grant_type": "refresh_token", "refresh_token": pair["refresh_token"]}
    pair = walk.call("POST", "/token", form=form).json
    walk.call("POST", "/auth/logout", body={}, token=pair["access_token"])
    walk.call("PATCH", "/users/{user_id}", path=alice, body={"full_name": PASSWORD * 20}, token=admin)
    walk.call("PATCH", "/users/{user_id}", path=alice, body={"role": "admin", "disabled": True}, token=admin)
    walk.call("PATCH", "/users/{user_id}", path=bob, body={"role": "admin"}, token=admin)
    walk.call("GET", "/audit", token=admin)
    walk.call("DELETE", "/users/{user_id}", path=bob, token=admin)  # the last enabled administrator
    carol = walk.call("POST", "/users", body={"username": "carol", "password": PASSWORD}).json
    walk.call("DELETE", "/users/{user_id}", path={"user_id": carol["id"]}, token=admin)


@pytest.fixture(autouse=True)
def verbose(caplog: pytest.LogCaptureFixture) -> None:
    """Enable debug logs of every library except botocore, which logs whole requests at that level by design."""
    caplog.set_level(logging.DEBUG)
    for name in ("botocore", "urllib3", "boto3"):
        caplog.set_level(logging.INFO, logger=name)


def _hashes() -> list[str]:
    return [stored(name).password_hash for name in ("Alice", "bob")]


def test_the_walk_covers_every_status_that_accounts_return() -> None:
    walk = _walk()
    assert {answer.status for answer in walk.answers} == {200, 201, 204, 400, 401, 403, 409}


def test_no_response_contains_a_password_or_a_hash() -> None:
    walk = _walk()
    for answer in walk.answers:
        for secret in (PASSWORD, WRONG, LEGACY, "$argon2", "$2b$", *_hashes()):
            assert secret not in answer.text
            assert secret not in str(answer.headers)


def test_the_audit_log_has_no_secret_and_no_personal_field() -> None:
    walk = _walk()
    entries = json.dumps([entry.attribute_values for entry in newest_first(None, None, None, 1000)[0]], default=str)
    assert entries.count('"action"') > 20
    for secret in (PASSWORD, WRONG, LEGACY, "$argon2", "$2b$", "alice@example.com", *_hashes(), *walk.tokens):
        assert secret not in entries


def test_no_log_line_contains_a_password_a_hash_or_a_token(
    log: Log,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    walk = _walk()
    printed = capfd.readouterr()
    written = f"{log.text}\n{caplog.text}\n{printed.out}\n{printed.err}"

    assert len(log.lines) >= len(walk.answers)
    assert len(walk.tokens) > 8
    for secret in (PASSWORD, WRONG, LEGACY, "$argon2", "$2b$", "alice@example.com", *_hashes()):
        assert secret not in written
    for token in walk.tokens:
        assert token not in written
        assert token.split(".")[-1] not in written


def test_an_unexpected_error_logs_no_password(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("accounts.credentials.by_username", fail)
    sign_up(password=PASSWORD)
    for path in ("/token", "/auth/login"):
        assert call("POST", path, form={"username": "Alice", "password": PASSWORD}).status == 500
    assert call("POST", "/login", body={"username": "Alice", "password": PASSWORD}).status == 500
    assert "a bug" in log.text
    assert PASSWORD not in log.text
