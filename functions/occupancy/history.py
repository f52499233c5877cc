"""How many people were inside, over time, for charts."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from occupancy import instants
from occupancy.model import Point, SumsRecord
from occupancy.sums import hour_position, is_whole, month_position
from sitewatch import clock
from sitewatch.errors import invalid_field

MAX_POINTS = 5000
MAX_DAYS = 400
"""The longest span of points at whole minutes, to limit the reads."""
MAX_DAYS_OF_READINGS = 31
"""The longest span of points that are not at whole minutes."""

_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)

Change = tuple[datetime, int]
"""The time from which a difference counts, and the difference."""


def points(sensor: str, since: datetime, until: datetime, step: timedelta) -> list[Point]:
    """How many people were inside at ``since`` and every ``step`` after it, up to ``until``.

    The first point is the sum at its instant. The others add the changes since then, read as one range of the coarsest
    items that separate the points: days, minutes, or the readings themselves.

    Raises
    ------
    ApiError
        404 for an unknown sensor; 400 for too many points, or too long a span.

    """
    if since > until:
        raise invalid_field("from", "from is after to")
    count = (until - since) // step + 1
    if count > MAX_POINTS:
        raise invalid_field("step", f"at most {MAX_POINTS} points, not {count}")
    last = since + (count - 1) * step
    inside = instants.at(sensor, since)
    changes = _changes(sensor, since, last, step)
    change = next(changes, None)
    found = []
    for number in range(count):
        ts = since + number * step
        while change is not None and change[0] <= ts:
            inside += change[1]
            change = next(changes, None)
        found.append(Point(ts=ts, inside=inside))
    return found


def _changes(sensor: str, since: datetime, until: datetime, step: timedelta) -> Iterator[Change]:
    """The changes after ``since`` and up to ``until``, oldest first, as fine as the points need."""
    if since == until:
        return iter(())
    if is_whole(since, days=True) and not step % _DAY:
        return _in_days(sensor, since, until)
    if is_whole(since) and not step % _MINUTE:
        _check_span(since, until, MAX_DAYS, "points at whole minutes")
        return _in_minutes(sensor, since, until)
    _check_span(since, until, MAX_DAYS_OF_READINGS, "points not at whole minutes")
    return instants.readings(sensor, since, until)


def _check_span(since: datetime, until: datetime, days: int, kind: str) -> None:
    if until - since > days * _DAY:
        raise invalid_field("to", f"at most {days} days after from, for {kind}")


def _in_days(sensor: str, since: datetime, until: datetime) -> Iterator[Change]:
    first, last = clock.sortable(since), clock.sortable(until)
    for month, changes in _items(sensor, month_position(first[:7]), month_position(last[:7])):
        for day, difference in changes:
            if first[:10] <= f"{month}-{day}" < last[:10]:
                yield _time(f"{month}-{day}") + _DAY, difference


def _in_minutes(sensor: str, since: datetime, until: datetime) -> Iterator[Change]:
    first, last = clock.sortable(since), clock.sortable(until)
    for hour, changes in _items(sensor, hour_position(first[:13]), hour_position(last[:13])):
        for minute, difference in changes:
            if first[:16] <= f"{hour}:{minute}" < last[:16]:
                yield _time(f"{hour}:{minute}") + _MINUTE, difference


def _items(sensor: str, first: str, last: str) -> Iterator[tuple[str, list[tuple[str, int]]]]:
    """The months or hours of the items between two sort keys, oldest first, each with its changes in order."""
    found = SumsRecord.query(sensor, SumsRecord.position.between(first, last), consistent_read=True)
    return ((item.position.partition("#")[2], sorted(item.changes.items())) for item in found)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
