"""Changes of detections, from the records of the table's stream."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from detections.model import DetectionRecord

# Sequence numbers are text of different lengths; padding makes text order their order.
_SEQUENCE_NUMBER_DIGITS = 40


@dataclass(frozen=True, slots=True)
class Change:
    """A change of one item from ``old`` (``None``: it is new) to ``new`` (``None``: it is deleted)."""

    sequence_number: str
    old: DetectionRecord | None
    new: DetectionRecord | None

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> "Change":
        stream = record["dynamodb"]
        return cls(
            sequence_number=stream["SequenceNumber"].zfill(_SEQUENCE_NUMBER_DIGITS),
            old=_detection(stream.get("OldImage")),
            new=_detection(stream.get("NewImage")),
        )


def _detection(image: Mapping[str, Any] | None) -> DetectionRecord | None:
    return DetectionRecord.from_raw_data(dict(image)) if image else None
