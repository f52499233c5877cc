"""Store a batch of detections, each once."""

from collections.abc import Iterable, Sequence
from typing import Any

from detections.arrival import Arrived
from detections.model import DetectionRecord
from sitewatch import tables
from sitewatch.delivery import chunks, deliver

_MAX_ENTRIES = 25


def store(arrived: Sequence[Arrived]) -> None:
    """Put every detection into the table: ⌈n/25⌉ ``BatchWriteItem`` calls.

    Putting an identical item changes nothing and emits no stream record, so a batch may be delivered again. Only a
    timeless detection would differ at the second delivery, by its time of arrival: those are looked up first, and the
    first one to arrive is kept.

    Raises
    ------
    DeliveryFailed, botocore.exceptions.ClientError
        If the table still refuses some of them after every retry.

    """
    timeless = [each.detection.id for each in arrived if each.is_timeless]
    stored = {
        detection.id
        for detection in DetectionRecord.batch_get(timeless, consistent_read=True, attributes_to_get=["id"])
    }
    _put(each.detection for each in arrived if each.detection.id not in stored)


def _put(detections: Iterable[DetectionRecord]) -> None:
    # Unprocessed items are sent again after a pause; pynamodb's own batch would send them at once.
    table = DetectionRecord.Meta.table_name

    def put(requests: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
        unprocessed: dict[str, list[dict[str, Any]]] = tables.CLIENT.batch_write_item(
            RequestItems={table: requests}
        ).get("UnprocessedItems", {})
        return unprocessed.get(table, [])

    requests = ({"PutRequest": {"Item": detection.serialize()}} for detection in detections)
    for chunk in chunks(requests, max_entries=_MAX_ENTRIES):
        deliver(chunk, put)
