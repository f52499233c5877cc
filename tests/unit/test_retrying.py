"""Retrying: how often, and how long."""

import pytest

from sitewatch import retrying


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture(autouse=True)
def world() -> None:
    """No table is needed here."""


@pytest.fixture(autouse=True)
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    time = Time()
    monkeypatch.setattr(retrying, "time", time)
    monkeypatch.setattr(retrying, "pause_before", lambda retry: 1.0)
    return time


def test_attempts_are_numbered_with_pauses_between_them(time: Time) -> None:
    assert [(number, time.now) for number in retrying.attempts(3)] == [(1, 0.0), (2, 1.0), (3, 2.0)]


def test_there_is_no_pause_after_the_last_attempt(time: Time) -> None:
    assert list(retrying.attempts(1)) == [1]
    assert time.now == 0


def test_no_attempt_starts_after_the_time_is_up(time: Time) -> None:
    assert list(retrying.attempts(None, within_seconds=2.5)) == [1, 2, 3]
    assert time.now == 2
