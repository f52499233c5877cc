"""Store a batch of detections, each once."""

from collections.abc import Sequence

from detections.arrival import Arrived
from detections.model import DetectionRecord
from sitewatch import tables


def store(arrived: Sequence[Arrived]) -> None:
    """Put every detection of ``arrived`` into the table: ⌈n/25⌉ ``BatchWriteItem`` calls.

    A put of an identical item changes nothing and emits no stream record, so a batch may come
    again. Only a detection that came with an id and without a time would differ the second time,
    by the time of its arrival: those are looked up first, and the first to arrive stands.

    Raises
    ------
    DeliveryFailed, botocore.exceptions.ClientError
        Where the table goes on refusing after every retry.

    """
    undated = [candidate.detection.id for candidate in arrived if not candidate.dated]
    stored = {
        detection.id for detection in DetectionRecord.batch_get(undated, consistent_read=True, attributes_to_get=["id"])
    }
    new = (each.detection for each in arrived if each.dated or each.detection.id not in stored)
    tables.put_all(DetectionRecord, new)
