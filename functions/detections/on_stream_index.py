"""Kinesis → the table of detections.

An answer is all or nothing: whatever may pass is retried, and then the batch fails as a whole,
since not every engine honours a partial answer for a stream. All that is done is idempotent.
"""

from typing import Any

from detections import quarantine, storing
from detections.arrival import KinesisRecord, sort_out
from sitewatch.observability import count, logger, metrics


@metrics.log_metrics
def handler(event: dict[str, Any], context: Any) -> None:
    arrived, rejected = sort_out(KinesisRecord.of(record) for record in event["Records"])
    storing.store(arrived)
    quarantine.keep(rejected)
    count("DetectionsIndexed", len(arrived))
    count("RecordsQuarantined", len(rejected))
    logger.info("indexed", records=len(event["Records"]), detections=len(arrived), quarantined=len(rejected))
