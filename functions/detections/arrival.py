"""Split a Kinesis batch into valid detections and rejected records."""

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from detections.model import DetectionRecord
from detections.report import ReportedDetection
from sitewatch import ids, settings
from sitewatch.partitions import month_of, partition, position, write_shard

MAX_BYTES = 1024 * 1024
_SUSPICIOUS = frozenset(name.casefold() for name in settings.names("SUSPICIOUS_CATEGORIES"))
_WRITE_SHARDS = settings.integer("DETECTION_WRITE_SHARDS")


@dataclass(frozen=True, slots=True)
class KinesisRecord:
    """A record of the stream, from Lambda's event, with its data decoded."""

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
    """A record that can never become a detection, and the reason."""

    record: KinesisRecord
    reason: str


@dataclass(frozen=True, slots=True)
class Arrived:
    """A detection to store. ``dated`` is false if its id was reported, but its time is only that of its arrival."""

    detection: DetectionRecord
    dated: bool


def is_suspicious(category: str) -> bool:
    """Whether ``category`` is one of the suspicious ones, ignoring case."""
    return category.casefold() in _SUSPICIOUS


def to_detection(record: KinesisRecord) -> Arrived:
    """Parse ``record``.

    If the report has no id, the id is derived from the record's place in the stream, and a missing time is the time
    of arrival, so that a second delivery of the record gives the same detection.

    Raises
    ------
    ValueError
        If the data is not JSON of the right shape (a ``pydantic.ValidationError``) or too large.

    """
    if len(record.data) > MAX_BYTES:
        raise ValueError(f"larger than {MAX_BYTES} bytes")
    reported = ReportedDetection.model_validate_json(record.data, context={"now": record.arrived_at})
    created_at = reported.created_at or record.arrived_at
    detection_id = reported.id or ids.derived_id(record.arrived_at, record.shard, record.sequence_number)
    month, shard = month_of(created_at), write_shard(detection_id, _WRITE_SHARDS)
    detection = DetectionRecord(
        detection_id,
        year=reported.year,
        make=reported.make,
        model=reported.model,
        category=reported.category,
        created_at=created_at,
        suspicious=is_suspicious(reported.category),
        position=position(created_at, detection_id),
        time_partition=partition(month, shard),
        make_partition=partition(month, shard, reported.make),
        category_partition=partition(month, shard, reported.category),
    )
    return Arrived(detection, dated=reported.created_at is not None or reported.id is None)


def split(records: Iterable[KinesisRecord]) -> tuple[list[Arrived], list[Rejected]]:
    """Split ``records`` into detections, one per id, and rejected records.

    If an id comes several times, the last dated detection is kept, or else the first one.
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
    """Which fields are wrong and why. It never contains their values; the quarantined bytes do."""
    return "; ".join(
        f"{'.'.join(str(part) for part in problem['loc']) or 'record'}: {problem['msg']}"
        for problem in error.errors(include_url=False, include_context=False, include_input=False)
    )
