"""Put records on the stream of detections."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sitewatch import aws, ids, settings
from sitewatch.delivery import chunks, deliver

_MOST_ENTRIES = 500


def put(reports: Sequence[Mapping[str, Any]]) -> None:
    """Put each of ``reports`` (JSON objects) on the stream: ⌈n/500⌉ ``PutRecords`` calls.

    One without an id is given one: where a call is answered with a time-out, it may have put its
    records, and what is put twice under one id is one detection.

    Raises
    ------
    DeliveryFailed
        Where the stream goes on refusing records after every retry.

    """
    entries = [_entry({**report, "id": report.get("id") or ids.new_id()}) for report in reports]
    for chunk in chunks(entries, most=_MOST_ENTRIES):
        deliver(chunk, _send)


def _entry(report: Mapping[str, Any]) -> dict[str, Any]:
    return {"Data": json.dumps(report).encode(), "PartitionKey": report["id"]}


def _send(entries: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
    answer = aws.client("kinesis").put_records(StreamName=settings.text("DETECTIONS_STREAM"), Records=entries)
    return [entry for entry, outcome in zip(entries, answer["Records"], strict=True) if "ErrorCode" in outcome]
