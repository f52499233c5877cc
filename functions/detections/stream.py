"""Put records on the stream of detections."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sitewatch import aws, ids, settings
from sitewatch.delivery import chunks, deliver

_MAX_ENTRIES = 500


def put(reports: Sequence[Mapping[str, Any]]) -> None:
    """Put each of ``reports`` (JSON objects) on the stream: ⌈n/500⌉ ``PutRecords`` calls.

    A report without an id gets one. If a call times out, its records may be on the stream already, and a report that
    is put twice under one id is still one detection.

    Raises
    ------
    DeliveryFailed
        If the stream still refuses some records after every retry.

    """
    entries = [_entry({**report, "id": report.get("id") or ids.new_id()}) for report in reports]
    for chunk in chunks(entries, max_entries=_MAX_ENTRIES):
        deliver(chunk, _send)


def _entry(report: Mapping[str, Any]) -> dict[str, Any]:
    return {"Data": json.dumps(report).encode(), "PartitionKey": report["id"]}


def _send(entries: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
    response = aws.client("kinesis").put_records(StreamName=settings.text("DETECTIONS_STREAM"), Records=entries)
    return [entry for entry, outcome in zip(entries, response["Records"], strict=True) if "ErrorCode" in outcome]
