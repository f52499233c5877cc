"""Tell the detections of a Kinesis batch from the records that are none."""

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from detections import partitions
from detections.model import DetectionRecord
from detections.report import ReportedDetection
from sitewatch import ids, settings

MOST_BYTES = 1024 * 1024
_SUSPICIOUS = frozenset(name.casefold() for name in settings.names("SUSPICIOUS_CATEGORIES"))


@dataclass(frozen=True, slots=True)
class KinesisRecord:
    """A record of the stream, as Lambda hands it over, with its bytes decoded."""

    shard: str
    sequence_number: str
    partition_key: str
    arrived_at: datetime
    data: bytes

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> "KinesisRecord":
        kinesis = record["kinesis"]
        return cls(
            shard=record["eventID"].partition(":")[0],
            sequence_number=kinesis["sequenceNumber"],
            partition_key=kinesis["partitionKey"],
            arrived_at=datetime.fromtimestamp(float(kinesis["approximateArrivalTimestamp"]), UTC),
            data=base64.b64decode(kinesis["data"]),
        )


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that is no detection, whatever is tried, and why."""

    record: KinesisRecord
    reason: str


@dataclass(frozen=True, slots=True)
class Arrived:
    """A detection to store. ``dated`` tells whether its time came with it or is that of its arrival."""

    detection: DetectionRecord
    dated: bool


def is_suspicious(category: str) -> bool:
    """Whether the whole category is one of the suspicious ones, whatever its letter case."""
    return category.casefold() in _SUSPICIOUS


def to_detection(record: KinesisRecord) -> Arrived:
    """The detection in ``record``.

    An id that the camera did not give follows from the record's place in the stream, and its time
    from its arrival, so that a second delivery of the record gives the same detection.

    Raises
    ------
    ValueError
        Where it is not JSON of the right shape (pydantic's ``ValidationError`` is one).

    """
    if len(record.data) > MOST_BYTES:
        raise ValueError(f"larger than {MOST_BYTES} bytes")
    reported = ReportedDetection.model_validate_json(record.data)
    created_at = reported.created_at or record.arrived_at
    detection_id = reported.id or ids.derived_id(record.arrived_at, record.shard, record.sequence_number)
    month, shard = partitions.month(created_at), partitions.write_shard(detection_id)
    detection = DetectionRecord(
        detection_id,
        year=reported.year,
        make=reported.make,
        model=reported.model,
        category=reported.category,
        created_at=created_at,
        suspicious=is_suspicious(reported.category),
        position=partitions.position(created_at, detection_id),
        time_partition=partitions.partition(month, shard),
        make_partition=partitions.partition(month, shard, reported.make),
        category_partition=partitions.partition(month, shard, reported.category),
    )
    return Arrived(detection, dated=reported.created_at is not None or reported.id is None)


def sort_out(records: Iterable[KinesisRecord]) -> tuple[list[Arrived], list[Rejected]]:
    """The detections among ``records``, one for each id, and the records that are none.

    Of several with one id, the last one that came with its own time stands, else the first.
    """
    arrived: dict[str, Arrived] = {}
    rejected: list[Rejected] = []
    for record in records:
        try:
            candidate = to_detection(record)
        except ValidationError as error:
            rejected.append(Rejected(record, _reason(error)))
        except ValueError as error:
            rejected.append(Rejected(record, str(error)))
        else:
            if candidate.dated or candidate.detection.id not in arrived:
                arrived[candidate.detection.id] = candidate
    return list(arrived.values()), rejected


def _reason(error: ValidationError) -> str:
    """Which fields are wrong and how; never their values, which the quarantined bytes hold anyway."""
    return "; ".join(
        f"{'.'.join(str(part) for part in problem['loc']) or 'record'}: {problem['msg']}"
        for problem in error.errors(include_url=False, include_context=False, include_input=False)
    )
