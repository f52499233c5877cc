"""The table's stream → the sums that /stats reads and that the list skips by."""

from typing import Any

from detections.changes import Change
from detections.counting import count
from sitewatch.observability import logger


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Count a batch of one shard.

    Lambda names the shard only if the mapping has a tumbling window. That is its only purpose here; it keeps no
    state. An engine without windows has one shard.
    """
    changes = [Change.of(record) for record in event["Records"]]
    count(event.get("shardId", "only"), changes)
    logger.info("counted", changes=len(changes))
    return {"state": {}}
