"""Split a Kinesis batch into valid detections and rejected parts."""

import base64
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from detections import formats, report
from detections.model import DetectionRecord
from detections.report import MAX_RECORD_BYTES, RecordOnStream
from sitewatch import clock, ids, settings
from sitewatch.names import UNKNOWN, fold
from sitewatch.partitions import partition, position, write_shard
from sitewatch.sources import MAX_DELAY

MAX_REJECTED_PARTS = 100
"""Of one record; the last one has the bytes of all that follow too."""

_SUSPICIOUS = frozenset(fold(name) for name in settings.names("SUSPICIOUS_CATEGORIES"))
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
    """Bytes of a record that can never become a detection, and the reason.

    ``index`` is the place of the part in the record, from 0; ``None`` for a record that is rejected as a whole.
    """

    record: KinesisRecord
    reason: str
    data: bytes
    index: int | None = None


@dataclass(frozen=True, slots=True)
class Arrived:
    """A detection to store. If ``is_timeless``, its id says nothing of its time, which is that of its arrival."""

    detection: DetectionRecord
    is_timeless: bool


def is_suspicious(category: str) -> bool:
    """Whether ``category`` is one of the suspicious ones, whatever the letter case and Unicode form."""
    return fold(category) in _SUSPICIOUS


def split(records: Iterable[KinesisRecord]) -> tuple[list[Arrived], list[Rejected]]:
    """Split ``records`` into detections, one per id (the first one), and rejected parts."""
    arrived: dict[str, Arrived] = {}
    rejected: list[Rejected] = []
    for record in records:
        good, bad = _split(record)
        for each in good:
            arrived.setdefault(each.detection.id, each)
        rejected += bad
    return list(arrived.values()), rejected


def _split(record: KinesisRecord) -> tuple[list[Arrived], list[Rejected]]:
    try:
        parts = _parts(record)
    except formats.NoDetections as reason:
        return [], [Rejected(record, str(reason), record.data)]
    good: list[Arrived] = []
    bad: list[Rejected] = []
    for index, part in enumerate(parts):
        try:
            good.append(_to_detection(record, index, part))
        except ValueError as error:
            bad.append(Rejected(record, str(error), part.data, index))
    if not good:
        reasons = [each.reason if len(parts) == 1 else f"{each.index}: {each.reason}" for each in bad]
        return [], [Rejected(record, "; ".join(reasons), record.data)]
    return good, list(_few(bad))


def _parts(record: KinesisRecord) -> list[formats.Part]:
    if len(record.data) > MAX_RECORD_BYTES:
        raise formats.NoDetections(f"larger than {MAX_RECORD_BYTES} bytes")
    return formats.parts(record.data)


def _to_detection(record: KinesisRecord, index: int, part: formats.Part) -> Arrived:
    """The detection in a part of ``record``.

    Its id is derived from all that tells it from others: its source, its reported id and its content. Without a
    reported id, its place in the stream stands for one, so that two vehicles that look the same stay two. So the same
    record gives the same detection, however often it is delivered, and a record that differs gives another one.

    A missing time is the time of arrival. It is no part of the id of a report that has an id, which may be put on the
    stream again later.
    """
    reported = report.read(part, record.arrived_at)
    source = reported.source or UNKNOWN
    time_in_id, created_at = _times(reported, record)
    detection_id = ids.derived_id(
        time_in_id,
        source,
        *_name_in_source(reported, record, index),
        str(reported.year),
        reported.make,
        reported.model,
        reported.category,
        clock.sortable(reported.created_at) if reported.created_at else "",
    )
    shard = write_shard(detection_id, _WRITE_SHARDS)
    detection = DetectionRecord(
        detection_id,
        reported_id=reported.id,
        source=source,
        year=reported.year,
        make=reported.make,
        model=reported.model,
        category=reported.category,
        created_at=created_at,
        suspicious=is_suspicious(reported.category),
        late=True if record.arrived_at - created_at > MAX_DELAY else None,
        position=position(created_at, detection_id),
        time_partition=partition(shard),
        make_partition=partition(shard, fold(reported.make)),
        category_partition=partition(shard, fold(reported.category)),
        source_partition=partition(shard, source),
    )
    return Arrived(detection, is_timeless=reported.id is not None and reported.created_at is None)


def _times(reported: RecordOnStream, record: KinesisRecord) -> tuple[datetime, datetime]:
    """The time in the id of a detection, which is the same at every delivery, and its ``created_at``."""
    if reported.created_at is not None:
        return reported.created_at, reported.created_at
    if reported.id is not None:
        return clock.EARLIEST, record.arrived_at
    if reported.entry_id is not None:
        # When it was put, unless the sender's clock is ahead.
        put_at = ids.time_of(reported.entry_id)
        return put_at, min(put_at, record.arrived_at)
    return record.arrived_at, record.arrived_at


def _name_in_source(reported: RecordOnStream, record: KinesisRecord, index: int) -> tuple[str, ...]:
    """What tells a report from others of its source with the same content."""
    if reported.id is not None:
        return "id", reported.id
    if reported.entry_id is not None:
        return "entry", reported.entry_id
    return "place", record.shard, record.sequence_number, str(index)


def _few(rejected: list[Rejected]) -> Iterator[Rejected]:
    """Join the last parts if there are too many, so that one record cannot flood the quarantine."""
    yield from rejected[: MAX_REJECTED_PARTS - 1]
    rest = rejected[MAX_REJECTED_PARTS - 1 :]
    if rest:
        first, more = rest[0], len(rest) - 1
        reason = f"{first.reason} (and {more} more)" if more else first.reason
        yield Rejected(first.record, reason, b"\n".join(each.data for each in rest), first.index)
