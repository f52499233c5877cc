"""Keep what is no detection, with its bytes and the reason, for a person to look at.

A message is JSON: ``{"reason", "shard", "sequence_number", "partition_key", "arrived_at"}`` and
either ``data`` (the bytes in base64) or, where they are too many for a message, ``bucket`` and
``key`` of the S3 object that holds them.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

from detections.arrival import Rejected
from sitewatch import aws, clock, settings
from sitewatch.delivery import chunks, deliver

# SQS takes 256 KiB for a message and for a call on every engine; base64 makes three bytes four.
_MOST_CALL_BYTES = 240 * 1024
_MOST_INLINE_BYTES = 150 * 1024
_MOST_ENTRIES = 10
_LONGEST_REASON = 1024


def keep(rejected: Sequence[Rejected]) -> None:
    """Send each of ``rejected`` to the quarantine queue.

    The queue is FIFO and each message's deduplication id is the record's place in the stream: a
    batch that comes again leaves each record there once.

    Raises
    ------
    DeliveryFailed
        Where the queue goes on refusing messages after every retry.

    """
    entries = [_entry(one) for one in rejected]
    for chunk in chunks(
        entries, most=_MOST_ENTRIES, size=lambda entry: len(entry["MessageBody"]), most_bytes=_MOST_CALL_BYTES
    ):
        deliver(chunk, _send)


def _entry(rejected: Rejected) -> dict[str, Any]:
    record = rejected.record
    place = f"{record.shard}-{record.sequence_number}"
    message = {
        "reason": rejected.reason[:_LONGEST_REASON],
        "shard": record.shard,
        "sequence_number": record.sequence_number,
        "partition_key": record.partition_key,
        "arrived_at": clock.spell(record.arrived_at),
        **_bytes(record.data, f"{record.shard}/{record.sequence_number}"),
    }
    return {
        "Id": record.sequence_number[-80:],
        "MessageBody": json.dumps(message),
        "MessageGroupId": place,
        "MessageDeduplicationId": place,
    }


def _bytes(data: bytes, key: str) -> Mapping[str, str]:
    if len(data) <= _MOST_INLINE_BYTES:
        return {"data": base64.b64encode(data).decode()}
    bucket = settings.text("QUARANTINE_BUCKET")
    aws.client("s3").put_object(Bucket=bucket, Key=key, Body=data)
    return {"bucket": bucket, "key": key}


def _send(entries: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
    answer = aws.client("sqs").send_message_batch(QueueUrl=settings.text("QUARANTINE_QUEUE_URL"), Entries=entries)
    refused = {failure["Id"] for failure in answer.get("Failed", [])}
    return [entry for entry in entries if entry["Id"] in refused]
