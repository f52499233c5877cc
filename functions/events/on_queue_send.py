"""The sender's queue → one HTTP request with an event per message."""

import json
from collections.abc import Mapping
from typing import Any

from events import samples, sending
from events.sending import Outcome
from sitewatch import aws, settings
from sitewatch.observability import count, logger, metrics

_FIRST_RETRY_SECONDS = 5


@metrics.log_metrics
def handler(event: dict[str, Any], context: Any) -> dict[str, list[dict[str, str]]]:
    """Failed messages return to the queue with a growing delay; after three attempts they are dead letters."""
    failed = [record for record in event["Records"] if not _is_finished(record)]
    return {"batchItemFailures": [{"itemIdentifier": record["messageId"]} for record in failed]}


def _is_finished(record: Mapping[str, Any]) -> bool:
    second = json.loads(record["body"])["second"]
    outcome, reason = sending.send(samples.sample_at(second), second)
    count(outcome.value)
    if outcome is not Outcome.FAILED:
        return True
    attempts = int(record["attributes"]["ApproximateReceiveCount"])
    logger.warning("event not sent", reason=reason, attempts=attempts)
    aws.client("sqs").change_message_visibility(
        QueueUrl=settings.text("SENDER_QUEUE_URL"),
        ReceiptHandle=record["receiptHandle"],
        VisibilityTimeout=_FIRST_RETRY_SECONDS * 2 ** (attempts - 1),
    )
    return False
