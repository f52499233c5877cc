"""The sender's queue → an event over HTTP for each message."""

import json
from collections.abc import Mapping
from typing import Any

from events import samples, sending
from events.sending import Outcome
from sitewatch import aws, settings
from sitewatch.observability import count, logger, metrics

_FIRST_PAUSE_SECONDS = 5


@metrics.log_metrics
def handler(event: dict[str, Any], context: Any) -> dict[str, list[dict[str, str]]]:
    """What failed stays in the queue, for longer each time, and is in the dead-letter queue after three tries."""
    failed = [record for record in event["Records"] if not _is_done(record)]
    return {"batchItemFailures": [{"itemIdentifier": record["messageId"]} for record in failed]}


def _is_done(record: Mapping[str, Any]) -> bool:
    second = json.loads(record["body"])["second"]
    outcome, reason = sending.send(samples.sample_at(second), second)
    count(outcome.value)
    if outcome is not Outcome.FAILED:
        return True
    tries = int(record["attributes"]["ApproximateReceiveCount"])
    logger.warning("event not sent", reason=reason, tries=tries)
    aws.client("sqs").change_message_visibility(
        QueueUrl=settings.text("SENDER_QUEUE_URL"),
        ReceiptHandle=record["receiptHandle"],
        VisibilityTimeout=_FIRST_PAUSE_SECONDS * 2 ** (tries - 1),
    )
    return False
