"""The timers queue → the ends of holds, quiet times, snoozes and expectations, and the effects of changed rules."""

import json
from typing import Any

from incidents import acts, finding
from sitewatch import clock, deadlines
from sitewatch.observability import count, logger, metrics
from sources import silence
from sources.model import SourceKind
from watching import recording

_MAX_INCIDENTS = 500
"""Of the incidents of a changed rule in each state, at a time."""


@metrics.log_metrics
def handler(event: dict[str, Any], context: Any) -> None:
    """Do what is due. If it fails, SQS delivers the batch again, and what is done already does nothing."""
    now = clock.now()
    due: dict[str, list[str]] = {"state": [], "source": [], "snooze": [], "rule": []}
    found = dict.fromkeys(item_id for record in event["Records"] for item_id in json.loads(record["body"])["ids"])
    for item_id in found:
        due[item_id.partition("#")[0]].append(item_id)
    for item_id in due["source"]:
        _, kind, name = item_id.split("#", 2)
        silence.expire(SourceKind(kind), name, now)
    for item_id in due["snooze"]:
        acts.end_snooze(item_id.partition("#")[2], now)
    active = {item_id: finding.causes_of_rule(item_id.partition("#")[2], _MAX_INCIDENTS) for item_id in due["rule"]}
    due["state"] += [cause for causes in active.values() for cause in causes]
    changed = recording.expire(list(dict.fromkeys(due["state"])), now)
    for item_id, causes in active.items():
        if len(causes) < _MAX_INCIDENTS:
            deadlines.finish(item_id, now)
    recording.set_short_timers(changed, now)
    count("DeadlinesApplied", len(changed))
    logger.info("expired", timers=len(found), states=len(changed))
