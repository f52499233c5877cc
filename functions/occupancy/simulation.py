"""Simulated doors: what their sensors count over a plausible day, always the same for the same day.

People come in the morning and go in the evening, by the door that they came by; some go out for lunch. So a door's
count is never negative, and nobody is inside at night. The meeting room is crowded for four of every ten minutes.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random

from occupancy import recording
from occupancy.model import Reading, SimulatedDoorsRecord
from sitewatch import ids

DOORS = {"front door": 24, "staff entrance": 12, "loading bay": 5}
"""How many people come by each door a day."""

MEETING_ROOM = "meeting room"
_MEETING = 12
_MEETING_BEGINS, _MEETING_ENDS, _MEETING_EVERY = 1, 5, 10  # minutes


def simulate(now: datetime) -> int:
    """Store what the doors have counted since the last call, and return the number of readings.

    The first call stores the day so far. A call that ended halfway is made up for by the next one, which stores no
    reading twice: the same minute of a door has the same id.
    """
    last = next(SimulatedDoorsRecord.query("#simulated", consistent_read=True), None)
    after = last.until if last else None
    readings = [reading for door in (*DOORS, MEETING_ROOM) for reading in counted(door, after, now)]
    for reading in readings:
        recording.record(reading, ids.derived_id(reading.ts, reading.sensor, "simulated"))
    SimulatedDoorsRecord(until=now).save()
    return len(readings)


def counted(door: str, after: datetime | None, until: datetime) -> list[Reading]:
    """The readings of ``door`` after one time (by default the midnight before ``until``) and up to another, in order.

    After a longer pause these are the rest of the day when it began, so that everybody goes home, and today's.
    """
    days = sorted({_midnight(after or until), _midnight(until)})
    return [
        Reading(sensor=door, ts=ts, in_count=came, out=left)
        for day in days
        for ts, came, left in _day(door, day)
        if (after is None or ts > after) and ts <= until
    ]


def _day(door: str, midnight: datetime) -> Iterator[tuple[datetime, int, int]]:
    """Each minute in which people pass, and how many come and go; and midnight, to report that the door is there."""
    if door == MEETING_ROOM:
        for minute in range(0, 24 * 60, _MEETING_EVERY):
            yield midnight + timedelta(minutes=minute + _MEETING_BEGINS), _MEETING, 0
            yield midnight + timedelta(minutes=minute + _MEETING_ENDS), 0, _MEETING
        return
    passages = list(_passages(DOORS[door], Random(f"{door} {midnight.date()}")))  # noqa: S311 - a simulation
    came = Counter(minute for minute, comes in passages if comes)
    left = Counter(minute for minute, comes in passages if not comes)
    for minute in sorted({0} | came.keys() | left.keys()):
        yield midnight + timedelta(minutes=minute), came[minute], left[minute]


def _passages(people: int, rng: Random) -> Iterator[tuple[int, bool]]:
    """The minute of the day of each passage, and whether somebody comes."""
    for _ in range(people):
        yield int(60 * rng.triangular(6.5, 11, 8.5)), True
        if rng.random() < 0.4:
            lunch = 60 * rng.uniform(11.5, 13)
            yield int(lunch), False
            yield int(lunch + rng.uniform(20, 60)), True
        yield int(60 * rng.triangular(15, 20.5, 17.5)), False


def _midnight(time: datetime) -> datetime:
    return time.replace(hour=0, minute=0, second=0, microsecond=0)
