"""Schedules: the windows of a week in which a rule counts."""

from datetime import datetime
from functools import lru_cache
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints

from sitewatch.models import BaseModel

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MAX_WINDOWS = 20

_Time = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]


@lru_cache(maxsize=1)
def _time_zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _check_zone(name: str) -> str:
    if name not in _time_zones():
        raise ValueError("not a time zone of the IANA database, such as Europe/Berlin")
    return name


class Window(BaseModel):
    """From one wall-clock time to another, on some days. A window that passes midnight belongs to the day it begins on.

    It lasts 24 hours if both times are the same.
    """

    model_config = ConfigDict(strict=True, extra="forbid")

    days: Annotated[list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]], Field(min_length=1, max_length=7)]
    begins: _Time = Field(alias="from", examples=["22:00"])
    ends: _Time = Field(alias="to", examples=["06:00"])

    def includes(self, today: int, time: str) -> bool:
        """Whether the window is open on a day of the week (0: Monday) at a local time (``HH:MM``)."""
        if self.begins < self.ends:
            return _DAYS[today] in self.days and self.begins <= time < self.ends
        if time >= self.begins and _DAYS[today] in self.days:
            return True
        return time < self.ends and _DAYS[today - 1] in self.days


class Schedule(BaseModel):
    """The times in which a rule counts: the rest of the time no signal matches it."""

    model_config = ConfigDict(strict=True, extra="forbid")

    time_zone: Annotated[str, AfterValidator(_check_zone), Field(max_length=64, examples=["Europe/Berlin"])]
    windows: Annotated[list[Window], Field(min_length=1, max_length=_MAX_WINDOWS)]

    def includes(self, at: datetime) -> bool:
        """Whether one of the windows is open at ``at``."""
        # By the clock on the wall: the hour that the end of summer time repeats counts twice, the one skipped never.
        local = at.astimezone(ZoneInfo(self.time_zone))
        today, time = local.weekday(), f"{local.hour:02}:{local.minute:02}"
        return any(window.includes(today, time) for window in self.windows)
