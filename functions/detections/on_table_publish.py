"""The table's stream → the alerts topic.

It reads the table's stream and not Kinesis, because the table's stream has each detection once, even if its record was
delivered several times. The mapping's filter passes only new, suspicious detections.
"""

from typing import Any

from detections.changes import Change
from detections.publishing import publish
from sitewatch.observability import count, logger, metrics


@metrics.log_metrics
def handler(event: dict[str, Any], context: Any) -> None:
    changes = [Change.of(record) for record in event["Records"]]
    suspicious = [change.new for change in changes if change.new and not change.old and change.new.suspicious]
    publish(suspicious)
    count("AlertsPublished", len(suspicious))
    logger.info("published", alerts=len(suspicious))
