"""SQS → the log of alerts."""

import json
from typing import Any

from alerts.recording import append
from sitewatch.observability import count, logger, metrics


@metrics.log_metrics
def handler(event: dict[str, Any], context: Any) -> None:
    """Record a batch of published detections. If it fails, the whole batch is delivered again."""
    appended = append({json.loads(record["body"])["id"]: _line(record["body"]) for record in event["Records"]})
    count("AlertsRecorded", appended)
    logger.info("recorded", messages=len(event["Records"]), alerts=appended)


def _line(detection: str) -> str:
    """JSON without line breaks, which are no part of a value."""
    return detection.replace("\r", " ").replace("\n", " ")
