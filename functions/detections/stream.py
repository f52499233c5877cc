"""Put records on the stream of detections."""

from collections.abc import Mapping, Sequence
from typing import Any

from detections.report import entry
from sitewatch import aws, settings
from sitewatch.delivery import chunks, deliver

_MAX_ENTRIES = 500
_CLIENT = aws.client("kinesis")


def put(reports: Sequence[Mapping[str, Any]]) -> None:
    """Put each of ``reports`` (JSON objects) on the stream: ⌈n/500⌉ ``PutRecords`` calls.

    If a call times out, its records may be on the stream already; a report that is put twice is still one detection.

    Raises
    ------
    DeliveryFailed
        If the stream still refuses some records after every retry.

    """
    for chunk in chunks([entry(report) for report in reports], max_entries=_MAX_ENTRIES):
        deliver(chunk, _send)


def _send(entries: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
    response = _CLIENT.put_records(StreamName=settings.text("DETECTIONS_STREAM"), Records=entries)
    return [entry for entry, outcome in zip(entries, response["Records"], strict=True) if "ErrorCode" in outcome]
