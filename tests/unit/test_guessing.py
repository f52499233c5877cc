"""Guessing passwords: which attempts are checked, which have to wait, and who never notices."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from accounts import guessing, passwords
from sitewatch import clock
from sitewatch.errors import ApiError
from tests.world.aws import client
from tests.world.calling import Answer, call
from tests.world.people import sign_up

pytestmark = pytest.mark.usefixtures("cheap_hashing")

HOME = "198.51.100.7"
WAYS = ("/token", "/auth/login", "/login")


class Clock:
    """A clock that stands still between the steps of a test."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 22, 6, tzinfo=UTC)

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def fake_clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    fake = Clock()
    monkeypatch.setattr(clock, "now", lambda: fake.now)
    return fake


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The passwords whose check has cost a hash."""
    found: list[str] = []
    verify = passwords.verify

    def watched(password_hash: str | None, password: str) -> bool:
        found.append(password)
        return verify(password_hash, password)

    monkeypatch.setattr(passwords, "verify", watched)
    return found


def log_in(
    username: str, password: str = "wonderland", address: str = "192.0.2.1", path: str = "/auth/login"
) -> Answer:
    credentials = {"username": username, "password": password}
    if path == "/login":
        return call("POST", path, body=credentials, address=address)
    return call("POST", path, form=credentials, address=address)


def guess(username: str, address: str = "192.0.2.1", *, times: int = 1, path: str = "/auth/login") -> Answer:
    """Log in with a wrong password so often, and return the last response."""
    for _ in range(times):
        answer = log_in(username, "wrong", address, path)
    return answer


@pytest.mark.parametrize(("accounts", "addresses"), [(1, 50), (50, 1)])
def test_of_1000_guesses_10_are_checked(fake_clock: Clock, accounts: int, addresses: int) -> None:
    checked: list[int] = []
    for number in range(1000):
        with suppress(ApiError):
            guessing.check(
                f"username#{number % accounts}", f"203.0.113.{number % addresses}", lambda: checked.append(1)
            )
        fake_clock.wait(0.89)
    assert 0 < len(checked) <= 10


def test_wrong_and_refused_guesses_are_counted_for_the_alarm(
    fake_clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    sign_up("alice")
    capsys.readouterr()
    assert log_in("alice").status == 200
    assert "FailedLogins" not in capsys.readouterr().out
    assert [guess("alice").status for _ in range(12)].count(429) > 0
    assert capsys.readouterr().out.count('"FailedLogins":[1.0]') == 12


def test_guesses_in_parallel_are_counted_before_they_are_checked(checked: list[str]) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: log_in("Alice", "wrong", f"203.0.113.{number}"), range(24)))
    assert 0 < len(checked) <= 10
    assert {answer.status for answer in answers} == {401, 429}


def test_a_refused_guess_says_how_long_to_wait_and_longer_each_time(fake_clock: Clock) -> None:
    waits = []
    for _ in range(12):
        answer = guess("Alice")
        if answer.status == 429:
            assert answer.json["subcode"] == 4290
            waits.append(int(answer.headers["retry-after"]))
            fake_clock.wait(waits[-1])
            assert guess("Alice").status == 401
        if len(waits) == 3:
            break
    assert waits == [60, 240, 600]


@pytest.mark.parametrize("path", WAYS)
def test_the_right_password_waits_too_and_then_logs_in(fake_clock: Clock, path: str) -> None:
    sign_up()
    guess("Alice", times=6)
    refused = log_in("Alice", path=path)
    assert refused.status == 429
    fake_clock.wait(int(refused.headers["retry-after"]))
    assert log_in("Alice", path=path).status == 200


def test_guesses_are_counted_on_all_routes_together(fake_clock: Clock) -> None:
    for path in WAYS:
        guess("Alice", times=2, path=path)
    assert guess("Alice").status == 429


def test_an_account_is_one_whatever_the_case_of_its_name(fake_clock: Clock) -> None:
    guess("Alice", times=3)
    guess("ALICE", times=3)
    assert guess("alice").status == 429


def test_successful_logins_do_not_count(fake_clock: Clock) -> None:
    for number in range(15):
        sign_up(f"user-{number}")
        assert log_in(f"user-{number}").status == 200
    assert [log_in("user-0").status for _ in range(15)] == [200] * 15


def test_a_login_forgives_the_owners_own_mistakes_at_that_address(fake_clock: Clock) -> None:
    sign_up()
    for _ in range(3):
        guess("Alice", times=5)
        assert log_in("Alice").status == 200


def test_a_login_to_another_account_does_not_reset_the_address(fake_clock: Clock, checked: list[str]) -> None:
    sign_up("Mallory")
    for number in range(30):
        guess(f"user-{number}")
        log_in("Mallory")
    assert checked.count("wrong") <= 10


def test_an_owner_logs_in_from_a_known_address_while_others_guess_from_everywhere(fake_clock: Clock) -> None:
    sign_up()
    assert log_in("Alice", address=HOME).status == 200
    for number in range(40):
        guess("Alice", f"203.0.113.{number}")
    assert log_in("Alice", address="203.0.113.99").status == 429
    assert log_in("Alice", address=HOME).status == 200


def test_colleagues_log_in_from_an_address_that_somebody_guesses_from(fake_clock: Clock) -> None:
    sign_up()
    log_in("Alice")
    for number in range(30):
        guess(f"user-{number}")
    assert log_in("Alice").status == 200


def test_guesses_at_one_account_leave_room_for_another_at_the_same_address(fake_clock: Clock) -> None:
    sign_up("Bob")
    for _ in range(100):
        guess("Alice")
        fake_clock.wait(8.9)
    assert log_in("Bob").status == 200


def test_a_known_address_is_limited_too_and_forgotten_after_30_days(fake_clock: Clock, checked: list[str]) -> None:
    sign_up()
    log_in("Alice", address=HOME)
    guess("Alice", HOME, times=100)
    assert checked.count("wrong") <= 10

    fake_clock.wait(30 * 24 * 60 * 60)
    for number in range(40):
        guess("Alice", f"203.0.113.{number}")
    assert log_in("Alice", address=HOME).status == 429


def test_after_15_quiet_minutes_everything_is_forgotten(fake_clock: Clock) -> None:
    guess("Alice", times=6)
    assert guess("Alice").status == 429
    fake_clock.wait(15 * 60)
    assert {guess("Alice").status for _ in range(6)} == {401}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:192.0.2.9", "192.0.2.9", True),
        ("192.0.2.8", "192.0.2.9", False),
        ("not an address", "not an address", True),
    ],
)
def test_an_ipv6_network_is_one_address(fake_clock: Clock, one: str, other: str, *, same: bool) -> None:
    for number in range(8):
        guess(f"user-{number}", one)
    assert guess("user-8", one).status == 429
    assert guess("user-9", other).status == (429 if same else 401)


def test_a_client_cannot_choose_its_address(fake_clock: Clock, checked: list[str]) -> None:
    for number in range(30):
        form = {"username": f"user-{number}", "password": "wrong"}
        call("POST", "/token", form=form, headers={"X-Forwarded-For": f"203.0.113.{number}"})
    assert len(checked) <= 10


def test_the_address_of_a_local_run_is_not_limited_but_its_accounts_are(fake_clock: Clock) -> None:
    assert {guess(f"user-{number}", "127.0.0.1").status for number in range(30)} == {401}
    assert guess("Alice", "127.0.0.1", times=7).status == 429


@pytest.mark.parametrize("limit", ["GUESSES_PER_ACCOUNT", "GUESSES_PER_ADDRESS"])
def test_each_limit_can_be_switched_off(monkeypatch: pytest.MonkeyPatch, fake_clock: Clock, limit: str) -> None:
    monkeypatch.setenv(limit, "0")
    of_account = {guess("Alice", f"203.0.113.{number}").status for number in range(12)}
    of_address = {guess(f"user-{number}").status for number in range(12)}
    assert (of_account == {401}, of_address == {401}) == (
        limit == "GUESSES_PER_ACCOUNT",
        limit == "GUESSES_PER_ADDRESS",
    )


def test_a_signed_in_caller_has_a_counter_of_its_own(fake_clock: Clock) -> None:
    for number in range(40):
        guess("Alice", f"203.0.113.{number}")
    attempts = [_attempt(lambda: None) for _ in range(9)]
    assert attempts == ["wrong"] * 8 + ["refused"]
    fake_clock.wait(60)
    assert _attempt(lambda: "right") == "right"


def _attempt(verify: Callable[[], str | None]) -> str:
    try:
        return guessing.check("username#alice", "192.0.2.1", verify, signed_in=True) or "wrong"
    except ApiError:
        return "refused"


def test_a_check_that_fails_counts_as_wrong(fake_clock: Clock) -> None:
    def fail() -> None:
        raise TimeoutError

    for _ in range(6):
        with pytest.raises(TimeoutError):
            guessing.check("username#alice", "192.0.2.1", fail)
    assert guess("Alice").status == 429


def test_the_table_holds_no_name_and_no_address(fake_clock: Clock) -> None:
    sign_up()
    log_in("Alice", address=HOME)
    guess("nobody", HOME)
    stored = _stored()
    assert len(stored) == 5
    for secret in ("alice", "nobody", "wrong", HOME):
        assert secret not in str(stored).lower()
    assert all(int(item["expires_at"]["N"]) > fake_clock.now.timestamp() for item in stored)


def _stored() -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = client("dynamodb").scan(TableName="GuessesTable")["Items"]
    return items


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry at once when parallel attempts conflict."""
    monkeypatch.setattr("sitewatch.retrying.pause_before", lambda retry: 0.0)
