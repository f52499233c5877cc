"""How many people are inside, now or at an instant: the sum of all changes up to then."""

from collections.abc import Iterator
from datetime import datetime

from occupancy.model import ReadingRecord, SumsRecord, reading_position
from occupancy.sums import NOW, hours_of_day_until, parts, whole_minute
from sitewatch import clock
from sitewatch.errors import NOT_FOUND, ApiError

END = "~"
"""Sorts after every id."""


def current(sensor: str) -> int:
    """The sum of all readings of ``sensor``: reads one item.

    Raises
    ------
    ApiError
        404 if the sensor has never reported.

    """
    known = next(SumsRecord.query(sensor, SumsRecord.position == NOW, consistent_read=True), None)
    if known is None:
        raise ApiError(NOT_FOUND)
    return int(known.inside or 0)


def at(sensor: str, instant: datetime) -> int:
    """The sum of the readings of ``sensor`` with ``ts`` ≤ ``instant``: at most two requests.

    One gets the earlier months, the earlier days of the month, and the earlier minutes of the day (at most 26 items).
    The other gets the readings of the instant's own minute, unless the instant is a whole minute. Each reading is in
    exactly one of them, so a reading that is stored at the same time is counted once or not at all.

    Raises
    ------
    ApiError
        404 if the sensor has never reported.

    """
    until = clock.sortable(instant)
    month, day, minute = parts(until)
    wanted = [month.position, day.position, *hours_of_day_until(until)]
    items = {
        sums.position: sums
        for sums in SumsRecord.batch_get([(sensor, position) for position in wanted], consistent_read=True)
    }
    if NOW not in items:
        raise ApiError(NOT_FOUND)
    last_part = {part.position: part.name for part in (month, day, minute)}
    inside = sum(
        difference
        for position, item in items.items()
        for name, difference in item.changes.items()
        if name < last_part.get(position, END)
    )
    if instant != whole_minute(instant):
        inside += sum(_readings(sensor, whole_minute(instant), instant))
    return inside


def _readings(sensor: str, after: datetime, until: datetime) -> Iterator[int]:
    """The changes of the readings of ``sensor`` after one time and up to another."""
    # bounded: by a minute, and a sensor's readings are written one after another
    found = ReadingRecord.query(
        sensor,
        ReadingRecord.position.between(
            reading_position(clock.sortable(after), END), reading_position(clock.sortable(until), END)
        ),
        consistent_read=True,
    )
    return (int(reading.in_count) - int(reading.out_count) for reading in found)
