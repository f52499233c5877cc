"""Once a minute: plan the simulated traffic of the minute to come, a delayed message for each second.

No function sleeps between two vehicles: the queue does the waiting.
"""

import json
from collections.abc import Sequence
from typing import Any

from sitewatch import aws, settings
from sitewatch.delivery import chunks, deliver

_SECONDS = 60
_MOST_ENTRIES = 10


def handler(event: dict[str, Any], context: Any) -> None:
    body = json.dumps({"detections": settings.integer("SIMULATED_PER_SECOND")})
    entries = [{"Id": str(second), "MessageBody": body, "DelaySeconds": second} for second in range(_SECONDS)]
    for chunk in chunks(entries, most=_MOST_ENTRIES):
        deliver(chunk, _send)


def _send(entries: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
    answer = aws.client("sqs").send_message_batch(QueueUrl=settings.text("SIMULATION_QUEUE_URL"), Entries=entries)
    refused = {failure["Id"] for failure in answer.get("Failed", [])}
    return [entry for entry in entries if entry["Id"] in refused]
