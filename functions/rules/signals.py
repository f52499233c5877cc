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

VALUES = frozenset({Kind.DATA_POINT, Kind.OCCUPANCY, Kind.SILENCE})
"""The kinds that report a value, which matches until another one does not. The others report single occurrences."""


@dataclass(frozen=True, slots=True)
class Signal:
    """A signal: when it happened (``at``), when it arrived, and its fields, those of ``FIELDS`` that are known."""

    kind: Kind
    at: datetime
    arrived_at: datetime
    fields: Mapping[str, Any]
