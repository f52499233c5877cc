"""How many people were inside, over time, for charts. Answers from sums, never from readings."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from occupancy import instants
from occupancy.model import Point, SumsRecord
from occupancy.sums import hour_position, is_midnight, month_position, whole_minute
from sitewatch import clock
from sitewatch.errors import invalid_field

MAX_POINTS = 1500
MAX_DAYS = 100
"""The longest span of points that are not all at midnight: it reads an item for each hour."""

_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)

Change = tuple[datetime, int]
"""The time from which a difference counts, and the difference."""


def points(sensor: str, since: datetime, until: datetime, step: timedelta) -> list[Point]:
    """How many people were inside at ``since`` and every ``step`` after it, up to ``until``.

    All times are rounded down to whole minutes, where sums end. The first point is the sum at its instant. The others
    add the changes since then, read as one range of the coarsest items that separate the points: days or minutes.

    Raises
    ------
    ApiError
        404 for an unknown sensor; 400 for too many points, or too long a span.

    """
    if since > until:
        raise invalid_field("from", "from is after to")
    since, until = whole_minute(since), whole_minute(until)
    count = (until - since) // step + 1
    if count > MAX_POINTS:
        raise invalid_field("step", f"at most {MAX_POINTS} points, not {count}")
    times = [whole_minute(since + number * step) for number in range(count)]
    by_day = is_midnight(since) and not step % _DAY
    if not by_day and times[-1] - since > MAX_DAYS * _DAY:
        raise invalid_field("to", f"at most {MAX_DAYS} days after from, unless all points are at midnight (UTC)")
    inside = instants.at(sensor, since)
    read = _in_days if by_day else _in_minutes
    changes = read(sensor, since, times[-1]) if count > 1 else iter(())
    change = next(changes, None)
    found = []
    for ts in times:
        while change is not None and change[0] <= ts:
            inside += change[1]
            change = next(changes, None)
        found.append(Point(ts=ts, inside=inside))
    return found


def _in_days(sensor: str, since: datetime, until: datetime) -> Iterator[Change]:
    """The changes after one midnight and up to another, oldest first."""
    first, last = clock.sortable(since), clock.sortable(until)
    for month, changes in _items(sensor, month_position(first[:7]), month_position(last[:7])):
        for day, difference in changes:
            if first[:10] <= f"{month}-{day}" < last[:10]:
                yield _time(f"{month}-{day}") + _DAY, difference


def _in_minutes(sensor: str, since: datetime, until: datetime) -> Iterator[Change]:
    """The changes after one whole minute and up to another, oldest first."""
    first, last = clock.sortable(since), clock.sortable(until)
    for hour, changes in _items(sensor, hour_position(first[:13]), hour_position(last[:13])):
        for minute, difference in changes:
            if first[:16] <= f"{hour}:{minute}" < last[:16]:
                yield _time(f"{hour}:{minute}") + _MINUTE, difference


def _items(sensor: str, first: str, last: str) -> Iterator[tuple[str, list[tuple[str, int]]]]:
    """The months or hours of the items between two sort keys, oldest first, each with its changes in order."""
    # bounded: by MAX_POINTS and MAX_DAYS, at most 50 months or 2,401 hours
    found = SumsRecord.query(sensor, SumsRecord.position.between(first, last))
    return ((item.position.partition("#")[2], sorted(item.changes.items())) for item in found)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
