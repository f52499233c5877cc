"""A cache forgets what is too old, and stays small."""

import pytest

from sitewatch.caching import _MAX_ENTRIES, ExpiringCache


@pytest.fixture(autouse=True)
def world() -> None:
    """No table is needed here."""


def test_a_value_is_read_again_when_it_is_too_old_or_must_be_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    now, reads = [0.0], iter(range(10))
    monkeypatch.setattr("sitewatch.caching.time.monotonic", lambda: now[0])
    cache = ExpiringCache[int](30)
    seen = []
    for at, fresh in ((0, False), (30, False), (30.1, False), (31, True), (61, False), (61.1, False)):
        now[0] = at
        seen.append(cache.get("a", lambda: next(reads), fresh=fresh))
    assert seen == [0, 0, 1, 2, 2, 3]


def test_the_age_counts_from_before_the_read(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("sitewatch.caching.time.monotonic", lambda: now[0])
    cache = ExpiringCache[str](30)

    def slow() -> str:
        now[0] += 5
        return "old"

    cache.get("a", slow)
    now[0] = 31
    assert cache.get("a", lambda: "new") == "new"


def test_a_failed_read_is_not_remembered() -> None:
    cache = ExpiringCache[int](30)
    with pytest.raises(ZeroDivisionError):
        cache.get("a", lambda: 1 // 0)
    assert cache.get("a", lambda: 1) == 1


def test_it_holds_a_bounded_number_of_values() -> None:
    cache = ExpiringCache[int](30)
    for number in range(3 * _MAX_ENTRIES):
        cache.get(str(number), lambda number=number: number)  # type: ignore[misc]
    assert len(cache._entries) <= _MAX_ENTRIES
