"""The layout of the sums: which ones include a reading, and which ones add up to the count at an instant.

A sensor has three kinds of items with sums. Each has an attribute for every part with readings:

====================  =======================  =====================
item                  its parts                maximum attributes
====================  =======================  =====================
``now``               months, ``2026-11``      1,633 (1970 to 2106)
``month#2026-11``     days, ``22``             31
``hour#2026-11-22T06``  minutes, ``07``        60
====================  =======================  =====================

A reading at ``ts`` counts at all instants from ``ts`` on. So a part includes its end but not its start: the minute
06:07 has the readings after 06:07:00 and up to 06:08:00. At 06:08:00 sharp its sum is complete, and no readings are
needed.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sitewatch import clock

NOW = "now"
_INSTANT = timedelta(microseconds=1)  # the resolution of stored times


@dataclass(frozen=True, slots=True)
class Part:
    """A part of an item: the item's sort key and the attribute's name."""

    position: str
    name: str


def parts(start: str) -> tuple[Part, Part, Part]:
    """The month, the day and the minute of the sortable time ``start``."""
    month, day, hour, minute = start[:7], start[8:10], start[:13], start[14:16]
    return Part(NOW, month), Part(month_position(month), day), Part(hour_position(hour), minute)


def parts_of_reading(ts: datetime) -> tuple[Part, Part, Part]:
    """The month, the day and the minute that include a reading at ``ts``."""
    return parts(clock.sortable(ts - _INSTANT))


def month_position(month: str) -> str:
    return f"month#{month}"


def hour_position(hour: str) -> str:
    return f"hour#{hour}"


def hours_of_day_until(instant: str) -> list[str]:
    """The sort keys of the hours of the day of ``instant`` (sortable), up to and including its own hour."""
    return [hour_position(f"{instant[:11]}{hour:02}") for hour in range(int(instant[11:13]) + 1)]


def whole_minute(time: datetime) -> datetime:
    """The whole minute at or before ``time``."""
    return time.replace(second=0, microsecond=0)


def is_midnight(time: datetime) -> bool:
    """Whether ``time`` is a midnight (UTC), where sums of days end."""
    return time == time.replace(hour=0, minute=0, second=0, microsecond=0)
