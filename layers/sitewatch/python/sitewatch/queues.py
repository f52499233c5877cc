"""Send batches of messages to SQS queues."""

from collections.abc import Iterable, Sequence
from typing import Any

from sitewatch import aws
from sitewatch.delivery import chunks, deliver

_MAX_ENTRIES = 10
# Every engine accepts 256 KiB per call; the rest is room for the other fields of an entry.
_MAX_CALL_BYTES = 240 * 1024


def send_messages(queue_url: str, entries: Iterable[dict[str, Any]]) -> None:
    """Send ``entries`` (of ``SendMessageBatch``, ASCII bodies) in as few calls as the limits of SQS allow.

    Raises
    ------
    DeliveryFailed
        If the queue still refuses some of them after every retry.

    """

    def send(chunk: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
        response = aws.client("sqs").send_message_batch(QueueUrl=queue_url, Entries=chunk)
        refused = {failure["Id"] for failure in response.get("Failed", [])}
        return [entry for entry in chunk if entry["Id"] in refused]

    for chunk in chunks(
        entries, max_entries=_MAX_ENTRIES, size=lambda entry: len(entry["MessageBody"]), max_bytes=_MAX_CALL_BYTES
    ):
        deliver(chunk, send)
