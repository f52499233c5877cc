"""Keep rejected records and parts of records, with their bytes and the reason, for a person to inspect.

A message is JSON: ``{"reason", "shard", "sequence_number", "partition_key", "arrived_at", "index"}`` and either
``data`` (the bytes in base64) or, if they are too large for a message, ``bucket`` and ``key`` of the S3 object that
holds them. ``index`` is the place of a part in its record, or null for a whole record.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

from detections.arrival import Rejected
from sitewatch import aws, clock, settings
from sitewatch.queues import send_messages

# Every engine takes 256 KiB for an SQS message, and base64 turns three bytes into four.
_MAX_INLINE_BYTES = 150 * 1024
_MAX_REASON_LENGTH = 1024


def keep(rejected: Sequence[Rejected]) -> None:
    """Send each of ``rejected`` to the quarantine queue.

    The queue is FIFO, and the deduplication id of a message is the place in the stream: if a batch is delivered
    again, the queue keeps each record and part once.

    Raises
    ------
    DeliveryFailed
        If the queue still refuses some messages after every retry.

    """
    send_messages(settings.text("QUARANTINE_QUEUE_URL"), [_entry(number, one) for number, one in enumerate(rejected)])


def _entry(number: int, rejected: Rejected) -> dict[str, Any]:
    record = rejected.record
    place = [record.shard, record.sequence_number]
    if rejected.index is not None:
        place.append(str(rejected.index))
    message = {
        "reason": rejected.reason[:_MAX_REASON_LENGTH],
        "shard": record.shard,
        "sequence_number": record.sequence_number,
        "partition_key": record.partition_key,
        "arrived_at": clock.format_time(record.arrived_at),
        "index": rejected.index,
        **_data(rejected.data, "/".join(place)),
    }
    return {
        "Id": str(number),
        "MessageBody": json.dumps(message),
        "MessageGroupId": "-".join(place),
        "MessageDeduplicationId": "-".join(place),
    }


def _data(data: bytes, key: str) -> Mapping[str, str]:
    if len(data) <= _MAX_INLINE_BYTES:
        return {"data": base64.b64encode(data).decode()}
    bucket = settings.text("QUARANTINE_BUCKET")
    aws.client("s3").put_object(Bucket=bucket, Key=key, Body=data)
    return {"bucket": bucket, "key": key}
