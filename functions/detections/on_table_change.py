"""The table's stream → the sums that /stats reads and that the list skips by, and the alerts topic.

It reads the table's stream and not Kinesis, because the table's stream has each detection once, even if its record was
delivered several times. One function does both, because DynamoDB lets only two read a table's stream: the other one
watches for incidents.
"""

from typing import Any

from detections.changes import Change
from detections.counting import count
from detections.publishing import publish
from sitewatch import observability
from sitewatch.observability import logger, metrics


@metrics.log_metrics
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Count a batch of one shard, then publish its new, suspicious detections.

    Lambda names the shard only if the mapping has a tumbling window. That is its only purpose here; it keeps no
    state. An engine without windows has one shard. If publishing fails, the batch is delivered again, and what is
    counted stays counted.
    """
    changes = [Change.of(record) for record in event["Records"]]
    count(event.get("shardId", "only"), changes)
    suspicious = [change.new for change in changes if change.new and not change.old and change.new.suspicious]
    publish(suspicious)
    observability.count("AlertsPublished", len(suspicious))
    logger.info("followed", changes=len(changes), alerts=len(suspicious))
    return {"state": {}}
