"""Sort keys of detections in the indexes by time, and the hours that they are counted by."""

import re
from datetime import datetime

from sitewatch import clock

_POSITION = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z#.+", re.ASCII)


def position(time: datetime, detection_id: str) -> str:
    """The sort key: text order is the order by time, then by id."""
    return f"{clock.sortable(time)}#{detection_id}"


def is_position(text: str) -> bool:
    """Whether ``text`` is a sort key in the format of ``position``."""
    return _POSITION.fullmatch(text) is not None


def hour_of(time: datetime) -> str:
    """The hour of ``time``, for example ``2026-11-22T06``."""
    return clock.sortable(time)[:13]
