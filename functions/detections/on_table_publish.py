"""The table's stream → the alerts topic.

It follows the stream and not the arrival of records, because the stream tells of a detection once,
however often its record was delivered. The mapping's filter lets only new, suspicious ones through.
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
