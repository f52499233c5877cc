"""Kinesis → the table of detections.

A batch succeeds or fails as a whole, because not every engine supports partial batch responses for a stream. Temporary
failures are retried first. Every step is idempotent.
"""

from typing import Any

from detections import quarantine, storing
from detections.arrival import KinesisRecord, split
from sitewatch.observability import count, logger, metrics


@metrics.log_metrics
def handler(event: dict[str, Any], context: Any) -> None:
    arrived, rejected = split(KinesisRecord.of(record) for record in event["Records"])
    storing.store(arrived)
    quarantine.keep(rejected)
    count("DetectionsIndexed", len(arrived))
    count("RecordsQuarantined", len(rejected))
    logger.info("indexed", records=len(event["Records"]), detections=len(arrived), quarantined=len(rejected))
