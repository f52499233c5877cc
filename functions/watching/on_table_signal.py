"""The streams of the tables that signals come from → states of rules and incidents."""

from typing import Any

from sitewatch import clock
from sitewatch.observability import count, logger, metrics
from watching import recording
from watching.signals import in_zones, received


@metrics.log_metrics
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Apply a batch of one shard.

    Lambda names the shard only if the mapping has a tumbling window. That is its only purpose here; it keeps no
    state. An engine without windows has one shard in a stream.
    """
    records = event["Records"]
    signals = in_zones([one for one in map(received, records) if one is not None])
    if signals:
        shard = f"{records[0]['eventSourceARN'].split('/')[1]}/{event.get('shardId', 'only')}"
        changed = recording.record(shard, signals)
        recording.set_short_timers(changed, clock.now())
        opened = sum(draft.opened is not None for one in changed for draft in one.drafts)
        count("SignalsReceived", len(signals))
        count("IncidentsOpened", opened)
        logger.info("watched", signals=len(signals), states=len(changed), opened=opened)
    return {"state": {}}
