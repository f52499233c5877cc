"""Once a minute: plan the simulated traffic of the next minute as one delayed message per second.

The delays replace a function that would sleep between two vehicles.
"""

import json
from typing import Any

from sitewatch import settings
from sitewatch.queues import send_messages

_SECONDS = 60


def handler(event: dict[str, Any], context: Any) -> None:
    body = json.dumps({"detections": settings.integer("SIMULATED_PER_SECOND")})
    entries = [{"Id": str(second), "MessageBody": body, "DelaySeconds": second} for second in range(_SECONDS)]
    send_messages(settings.text("SIMULATION_QUEUE_URL"), entries)
