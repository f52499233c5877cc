"""Delivery: batches within an API's limits, and retries of rejected entries only."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sitewatch import delivery, retrying


@pytest.fixture(autouse=True)
def world() -> None:
    """No table is needed here."""


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses of deliveries, in seconds; nothing really waits."""
    waited: list[float] = []
    monkeypatch.setattr("sitewatch.retrying.time.sleep", waited.append)
    return waited


@given(st.lists(st.integers(0, 20)), st.integers(1, 10), st.integers(1, 40))
def test_chunks_hold_every_entry_once_in_order_within_both_limits(sizes: list[int], most: int, most_bytes: int) -> None:
    chunks = list(delivery.chunks(sizes, max_entries=most, size=lambda size: size, max_bytes=most_bytes))

    assert [size for chunk in chunks for size in chunk] == sizes
    for chunk in chunks:
        assert 1 <= len(chunk) <= most
        assert sum(chunk) <= most_bytes or len(chunk) == 1


@given(st.lists(st.integers(0, 20)), st.integers(1, 10), st.integers(1, 40))
def test_no_chunk_has_room_for_the_first_entry_of_the_next(sizes: list[int], most: int, most_bytes: int) -> None:
    chunks = list(delivery.chunks(sizes, max_entries=most, size=lambda size: size, max_bytes=most_bytes))

    for chunk, following in pairwise(chunks):
        assert len(chunk) == most or sum(chunk) + following[0] > most_bytes


@given(st.lists(st.integers()), st.integers(1, 10))
def test_without_a_byte_limit_there_are_as_few_chunks_as_possible(entries: list[int], most: int) -> None:
    assert len(list(delivery.chunks(entries, max_entries=most))) == -(-len(entries) // most)


def test_entries_accepted_at_once_are_sent_once(pauses: list[float]) -> None:
    sent: list[list[int]] = []

    def send(entries: Sequence[int]) -> Sequence[int]:
        sent.append(list(entries))
        return []

    delivery.deliver([1, 2, 3], send)
    assert sent == [[1, 2, 3]]
    assert pauses == []


def test_only_rejected_entries_are_sent_again_after_a_pause(pauses: list[float]) -> None:
    sent: list[list[int]] = []

    def send(entries: Sequence[int]) -> Sequence[int]:
        sent.append(list(entries))
        return entries[1:]

    delivery.deliver([1, 2, 3], send)
    assert sent == [[1, 2, 3], [2, 3], [3]]
    assert len(pauses) == 2


def test_entries_rejected_every_time_raise_an_error_with_their_number(pauses: list[float]) -> None:
    attempts = 0

    def send(entries: Sequence[int]) -> Sequence[int]:
        nonlocal attempts
        attempts += 1
        return entries[-1:]

    with pytest.raises(delivery.DeliveryFailed, match="1 of 2"):
        delivery.deliver([1, 2], send)
    assert attempts == retrying.ATTEMPTS
    assert len(pauses) == retrying.ATTEMPTS - 1


def test_an_error_from_the_call_itself_is_raised() -> None:
    def send(entries: Sequence[int]) -> Sequence[int]:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        delivery.deliver([1], send)


def test_pauses_grow_with_jitter_up_to_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sitewatch.retrying.random.uniform", lambda low, high: high)
    longest = [retrying.pause_before(attempt) for attempt in range(1, 8)]
    assert longest == sorted(longest)
    assert longest[0] == pytest.approx(0.1)
    assert longest[-1] == 1

    monkeypatch.setattr("sitewatch.retrying.random.uniform", lambda low, high: low)
    assert retrying.pause_before(7) == 0
