"""What the table's stream tells: which detections came, changed or went."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from detections.model import DetectionRecord

# Lambda hands over sequence numbers as text of differing lengths; padded, text order is their order.
_SEQUENCE_NUMBER_DIGITS = 40


@dataclass(frozen=True, slots=True)
class Change:
    """One item's step from ``old`` (``None``: it was not there) to ``new`` (``None``: it is gone)."""

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
