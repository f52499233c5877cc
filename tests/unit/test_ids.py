"""Ids: ULIDs, new and derived."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from ulid import ULID

from sitewatch import ids


@pytest.fixture(autouse=True)
def world() -> None:
    """These tests need no tables."""


TIMES = st.datetimes(datetime(1970, 1, 1), datetime(2106, 2, 6), timezones=st.just(UTC))  # noqa: DTZ001 - naive bounds
PARTS = st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), min_size=1, max_size=3)
ULID_TEXT = TypeAdapter(ids.UlidText)


def test_new_ids_are_unique_ulids_of_the_current_time() -> None:
    made = {ids.new_id() for _ in range(1000)}

    assert len(made) == 1000
    for one in made:
        ULID_TEXT.validate_python(one)
        assert abs(ULID.from_str(one).datetime - datetime.now(UTC)) < timedelta(minutes=1)


@example(datetime(1978, 8, 30, 19, 48, 15, 76_000, tzinfo=UTC), ["a float is a millisecond short here"])
@given(TIMES, PARTS)
def test_a_derived_id_is_reproducible_and_contains_its_time(time: datetime, parts: list[str]) -> None:
    derived = ids.derived_id(time, *parts)

    assert derived == ids.derived_id(time, *parts)
    ULID_TEXT.validate_python(derived)
    assert timedelta(0) <= time - ULID.from_str(derived).datetime < timedelta(milliseconds=1)


@given(TIMES, PARTS, PARTS)
def test_different_names_give_different_ids(time: datetime, one: list[str], other: list[str]) -> None:
    assert (ids.derived_id(time, *one) == ids.derived_id(time, *other)) == (one == other)


@given(TIMES, TIMES, PARTS, PARTS)
def test_derived_ids_sort_by_their_time(one: datetime, other: datetime, parts: list[str], more: list[str]) -> None:
    earlier, later = sorted([one, other])
    if later - earlier >= timedelta(milliseconds=1):
        assert ids.derived_id(earlier, *parts) < ids.derived_id(later, *more)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "01ARZ3NDEKTSV4RRFFQ69G5FA",
        "81ARZ3NDEKTSV4RRFFQ69G5FAV",
        "01ARZ3NDEKTSV4RRFFQ69G5FAU",
        "01arz3ndektsv4rrffq69g5fav",
    ],
)
def test_an_invalid_ulid_is_rejected(text: str) -> None:
    assert not re.fullmatch(r"[0-7][0-9A-HJKMNP-TV-Z]{25}", text)
    with pytest.raises(ValidationError):
        ULID_TEXT.validate_python(text)
