"""Put the simulated vehicles of one second on the stream."""

import json
import random
from typing import Any

from detections import catalogue, stream
from sitewatch.observability import logger

_CAMERAS = ("north gate", "south gate", "car park")


def handler(event: dict[str, Any], context: Any) -> None:
    wanted = sum(json.loads(record["body"])["detections"] for record in event["Records"])
    vehicles = random.choices(catalogue.vehicles(), k=wanted)  # noqa: S311 - traffic, not a secret
    stream.put([{**vehicle, "source": random.choice(_CAMERAS)} for vehicle in vehicles])  # noqa: S311
    logger.info("simulated", detections=wanted)
