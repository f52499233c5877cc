"""Where the sums are that a reading is part of, and that an instant is the sum of.

A sensor has three kinds of items with sums, each with an attribute for each part that had any:

====================  =======================  =====================
item                  its parts                attributes at most
====================  =======================  =====================
``now``               months, ``2026-11``      1,633 (1970 to 2106)
``month#2026-11``     days, ``22``             31
``hour#2026-11-22T06``  minutes, ``07``        60
====================  =======================  =====================

A reading at ``ts`` is a change at all instants from ``ts`` on. So a part holds what is after its
beginning and up to its end, the end included: the minute 06:07 is what came after 06:07:00 and up
to 06:08:00. At 06:08:00 sharp its sum is complete, and no reading has to be looked at.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sitewatch import clock

NOW = "now"
_INSTANT = timedelta(microseconds=1)  # no two times that we tell apart are closer


@dataclass(frozen=True, slots=True)
class Part:
    """A part of an item: the item's sort key, and the attribute."""

    position: str
    name: str


def parts(beginning: str) -> tuple[Part, Part, Part]:
    """The month, the day and the minute that hold or begin with the sortable time ``beginning``."""
    month, day, hour, minute = beginning[:7], beginning[8:10], beginning[:13], beginning[14:16]
    return Part(NOW, month), Part(month_position(month), day), Part(hour_position(hour), minute)


def parts_of_reading(ts: datetime) -> tuple[Part, Part, Part]:
    """The month, the day and the minute that a reading at ``ts`` is part of."""
    return parts(clock.sortable(ts - _INSTANT))


def month_position(month: str) -> str:
    return f"month#{month}"


def hour_position(hour: str) -> str:
    return f"hour#{hour}"


def hours_of_day_until(instant: str) -> list[str]:
    """The sort keys of the hours of the day of the sortable time ``instant``, up to its own."""
    return [hour_position(f"{instant[:11]}{hour:02}") for hour in range(int(instant[11:13]) + 1)]


def is_whole(time: datetime, *, days: bool = False) -> bool:
    """Whether ``time`` is a whole minute, or midnight: whether sums of minutes, or of days, end there."""
    return not (time.second or time.microsecond or (days and (time.hour or time.minute)))
