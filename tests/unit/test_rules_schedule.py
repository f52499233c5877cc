"""Schedules: windows of local time, past midnight and on the days when daylight saving begins and ends."""

from datetime import UTC, datetime, timedelta

import pytest

from rules.schedule import Schedule

NIGHT = ("22:00", "06:00")


@pytest.fixture(autouse=True)
def world() -> None:
    """These tests need no tables."""


def schedule(zone: str, begins: str, ends: str, *days: str) -> Schedule:
    window = {"days": list(days), "from": begins, "to": ends}
    return Schedule.model_validate({"time_zone": zone, "windows": [window]})


def includes(within: Schedule, time: str) -> bool:
    return within.includes(datetime.fromisoformat(time).astimezone(UTC))


def hours(within: Schedule, begins: str, ends: str) -> float:
    """How many hours of a time the schedule includes, by the quarter."""
    time, end = datetime.fromisoformat(begins), datetime.fromisoformat(ends)
    found = 0
    while time < end:
        found += within.includes(time)
        time += timedelta(minutes=15)
    return found / 4


def test_a_window_includes_its_beginning_and_not_its_end() -> None:
    office = schedule("UTC", "09:00", "17:00", "mon")
    times = ["08:59:59", "09:00:00", "16:59:59", "17:00:00"]
    assert [includes(office, f"2026-11-23T{time}+00:00") for time in times] == [False, True, True, False]
    assert not includes(office, "2026-11-24T12:00:00+00:00")


def test_a_window_that_passes_midnight_belongs_to_the_day_it_begins_on() -> None:
    friday = schedule("Europe/Berlin", *NIGHT, "fri")
    assert includes(friday, "2026-11-27T22:00:00+01:00")
    assert includes(friday, "2026-11-28T05:59:00+01:00")  # on Saturday
    assert not includes(friday, "2026-11-27T05:59:00+01:00")  # the night that began on Thursday
    assert not includes(friday, "2026-11-28T22:00:00+01:00")


def test_a_night_of_sunday_ends_on_monday() -> None:
    assert includes(schedule("UTC", *NIGHT, "sun"), "2026-11-30T03:00:00+00:00")


def test_a_window_from_a_time_to_the_same_lasts_a_day() -> None:
    assert hours(schedule("UTC", "06:00", "06:00", "mon"), "2026-11-22T00:00+00:00", "2026-11-26T00:00+00:00") == 24


@pytest.mark.parametrize(
    ("zone", "day", "begins", "ends", "expected"),
    [
        # Summer time begins: the night has an hour less, and the hour from 2 to 3 does not exist.
        ("Europe/Berlin", "sat", "2026-03-28T12:00+01:00", "2026-03-29T12:00+02:00", 7),
        ("America/New_York", "sat", "2026-03-07T12:00-05:00", "2026-03-08T12:00-04:00", 7),
        # It ends: the night has an hour more.
        ("Europe/Berlin", "sat", "2026-10-24T12:00+02:00", "2026-10-25T12:00+01:00", 9),
        ("America/New_York", "sat", "2026-10-31T12:00-04:00", "2026-11-01T12:00-05:00", 9),
    ],
)
def test_a_night_is_shorter_or_longer_when_daylight_saving_changes(
    zone: str, day: str, begins: str, ends: str, expected: int
) -> None:
    assert hours(schedule(zone, *NIGHT, day), begins, ends) == expected


def test_the_hour_that_the_end_of_summer_time_repeats_counts_twice_and_the_skipped_one_never() -> None:
    second_hour = schedule("Europe/Berlin", "02:00", "03:00", "sun")
    assert hours(second_hour, "2026-10-25T00:00+02:00", "2026-10-25T12:00+01:00") == 2
    assert hours(second_hour, "2026-03-29T00:00+01:00", "2026-03-29T12:00+02:00") == 0
