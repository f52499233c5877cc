"""The clock: one time format, parsed strictly."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from sitewatch import clock
from sitewatch.tables import TimeAttribute


@pytest.fixture(autouse=True)
def world() -> None:
    """These tests need no tables."""


OFFSETS = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
# A day inside the bounds, so that every offset is inside too.
TIMES = st.datetimes(datetime(1970, 1, 2), datetime(2106, 2, 5), timezones=OFFSETS)  # noqa: DTZ001 - naive bounds


@given(TIMES)
def test_a_formatted_time_parses_to_the_same_time(time: datetime) -> None:
    assert clock.parse(clock.format_time(time)) == time
    assert clock.parse(clock.sortable(time)) == time
    assert clock.format_time(time).endswith("Z")


@given(TIMES)
def test_a_time_with_any_offset_is_parsed_to_utc(time: datetime) -> None:
    read = clock.parse(time.isoformat())
    assert read == time
    assert read.tzinfo is UTC


@given(TIMES, TIMES)
def test_sortable_times_sort_as_text(one: datetime, other: datetime) -> None:
    assert (clock.sortable(one) < clock.sortable(other)) == (one < other)
    assert len(clock.sortable(one)) == len(clock.sortable(other))


@given(st.text() | st.datetimes(timezones=OFFSETS).map(datetime.isoformat))
def test_any_text_is_a_time_within_bounds_or_a_value_error(text: str) -> None:
    try:
        read = clock.parse(text)
    except ValueError:
        return
    assert clock.EARLIEST <= read < clock.LATEST


def test_the_current_time_is_aware_and_in_utc() -> None:
    assert clock.now().tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-11-22T06:10:30Z", datetime(2026, 11, 22, 6, 10, 30, tzinfo=UTC)),
        ("2026-11-22t06:10:30z", datetime(2026, 11, 22, 6, 10, 30, tzinfo=UTC)),
        ("2026-11-22 06:10:30Z", datetime(2026, 11, 22, 6, 10, 30, tzinfo=UTC)),
        ("2026-11-22T06:10Z", datetime(2026, 11, 22, 6, 10, tzinfo=UTC)),
        ("2026-11-22T06:10:30.25Z", datetime(2026, 11, 22, 6, 10, 30, 250_000, tzinfo=UTC)),
        ("2026-11-22T06:10:30.123456789Z", datetime(2026, 11, 22, 6, 10, 30, 123_456, tzinfo=UTC)),
        ("2026-11-22T07:10:30+01:00", datetime(2026, 11, 22, 6, 10, 30, tzinfo=UTC)),
        ("1970-01-01T00:00:00Z", clock.EARLIEST),
        ("2022-05-07T04:51:08.381523", datetime(2022, 5, 7, 4, 51, 8, 381_523, tzinfo=UTC)),
        ("2022-05-07 04:51", datetime(2022, 5, 7, 4, 51, tzinfo=UTC)),
        ("2016-12-31T23:59:60Z", datetime(2017, 1, 1, tzinfo=UTC)),
        ("2017-01-01T00:59:60.5+01:00", datetime(2017, 1, 1, 0, 0, 0, 500_000, tzinfo=UTC)),
    ],
)
def test_rfc_3339_times_are_parsed(text: str, time: datetime) -> None:
    assert clock.parse(text) == time


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2026-11-22",
        "2026-11-22T06Z",
        "2026-11-22T06:10:30 01:00",  # a blank is a plus in a query only
        "2026-11-22T06:10:60Z",
        "2026-11-22T06:10:61Z",
        "2026-11-22T06:10:30+0100",
        "2026-11-22T06:10:30,5Z",
        "2026-W47-7T06:10Z",
        "20261122T061030Z",
        "2026-13-22T06:10:30Z",
        "2026-02-30T06:10:30Z",
        "2026-11-22T25:10:30Z",
        "2026-11-22T06:10:30Z\n",
        "2026-11-22T06:10:30Z trailing",
        "٢٠٢٦-11-22T06:10:30Z",
        "1969-12-31T23:59:59Z",
        "2106-02-07T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
    ],
)
def test_an_invalid_time_is_rejected(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - some of the messages are Python's own
        clock.parse(text)


def test_a_timestamp_field_accepts_text_and_times_but_no_numbers() -> None:
    field = TypeAdapter(clock.Timestamp)
    at = datetime(2026, 11, 22, 7, 10, 30, tzinfo=timezone(timedelta(hours=1)))

    assert field.validate_python("2026-11-22T06:10:30Z") == at
    assert field.validate_python(at).tzinfo is UTC
    assert field.dump_json(at) == b'"2026-11-22T06:10:30Z"'
    for number in (1_795_327_830, 1.5, True, None):
        with pytest.raises(ValidationError, match="RFC 3339"):
            field.validate_python(number)


@pytest.mark.parametrize(
    "text", ["2026-11-22T11:40:30 05:30", "2026-11-22 11:40:30 05:30", "2026-11-22T11:40:30+05:30"]
)
def test_a_blank_before_the_offset_is_a_plus_in_a_query(text: str) -> None:
    assert TypeAdapter(clock.QueryTime).validate_python(text) == datetime(2026, 11, 22, 6, 10, 30, tzinfo=UTC)


def test_an_observed_time_is_at_most_five_minutes_ahead() -> None:
    field, now = TypeAdapter(clock.ObservedTime), clock.now()
    assert field.validate_python(clock.format_time(now + timedelta(minutes=4))) > now
    with pytest.raises(ValidationError, match="more than 5 minutes ahead"):
        field.validate_python(clock.format_time(now + timedelta(minutes=6)))

    arrived = datetime(2022, 5, 7, tzinfo=UTC)
    with pytest.raises(ValidationError, match="more than 5 minutes ahead"):
        field.validate_python("2022-05-07T00:06:00Z", context={"now": arrived})


@given(TIMES)
def test_a_stored_time_survives_unchanged(time: datetime) -> None:
    attribute = TimeAttribute()
    assert attribute.deserialize(attribute.serialize(time)) == time
