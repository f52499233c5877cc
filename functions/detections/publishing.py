"""Publish suspicious detections to the alerts topic."""

from collections.abc import Sequence
from typing import Any

from detections.model import Alert, DetectionRecord
from sitewatch import aws, settings
from sitewatch.delivery import chunks, deliver

_MAX_ENTRIES = 10
_CLIENT = aws.client("sns")


def publish(detections: Sequence[DetectionRecord]) -> None:
    """Publish each of ``detections``: ⌈n/10⌉ ``PublishBatch`` calls.

    Raises
    ------
    DeliveryFailed
        If the topic still refuses some messages after every retry.

    """
    entries = [_entry(str(number), Alert.of(detection)) for number, detection in enumerate(detections)]
    for chunk in chunks(entries, max_entries=_MAX_ENTRIES):
        deliver(chunk, _send)


def _entry(entry_id: str, alert: Alert) -> dict[str, Any]:
    return {
        "Id": entry_id,
        "Message": alert.model_dump_json(),
        "MessageAttributes": {
            "category": {"DataType": "String", "StringValue": alert.category},
            "make": {"DataType": "String", "StringValue": alert.make},
            "year": {"DataType": "Number", "StringValue": str(alert.year)},
        },
    }


def _send(entries: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
    response = _CLIENT.publish_batch(TopicArn=settings.text("ALERTS_TOPIC_ARN"), PublishBatchRequestEntries=entries)
    refused = {failure["Id"] for failure in response.get("Failed", [])}
    return [entry for entry in entries if entry["Id"] in refused]
