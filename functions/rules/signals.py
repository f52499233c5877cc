"""Signals: the one envelope of everything that rules see."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """What a signal is about."""

    DETECTION = "detection"
    DATA_POINT = "data_point"
    EVENT = "event"
    OCCUPANCY = "occupancy"
    SILENCE = "silence"


FIELDS: Mapping[Kind, frozenset[str]] = {
    Kind.DETECTION: frozenset({"source", "zone", "year", "make", "model", "category", "suspicious"}),
    Kind.DATA_POINT: frozenset({"source", "zone", "value", "valid", "tags"}),
    Kind.EVENT: frozenset({"source", "zone", "event_type", "event_payload"}),
    Kind.OCCUPANCY: frozenset({"source", "zone", "inside", "in_count", "out"}),
    Kind.SILENCE: frozenset({"source", "zone", "kind", "state"}),
}
"""The fields of each kind of signal."""

LISTS = frozenset({"tags"})
"""The fields that hold a list of values."""

FOLDED = frozenset({"make", "model", "category"})
"""The fields that are the same in any letter case and Unicode form."""

VALUES = frozenset({Kind.DATA_POINT, Kind.OCCUPANCY, Kind.SILENCE})
"""The kinds that report a value, which matches until another one does not. The others report single occurrences."""

CURRENT = frozenset({Kind.OCCUPANCY, Kind.SILENCE})
"""The kinds that report the value as it is on arrival, whatever their own time."""


@dataclass(frozen=True, slots=True)
class Signal:
    """A signal.

    ``at`` is when it happened by its sender's clock, ``arrived_at`` when it was stored, and ``is_late`` whether it
    was more than 15 minutes old by then: it counts in history, but opens nothing. ``fields`` are those of ``FIELDS``
    that are known.
    """

    kind: Kind
    at: datetime
    arrived_at: datetime
    fields: Mapping[str, Any]
    is_late: bool = False
