"""Put the simulated vehicles of one second on the stream."""

import json
import random
from typing import Any

from detections import catalogue, stream
from sitewatch.observability import logger


def handler(event: dict[str, Any], context: Any) -> None:
    wanted = sum(json.loads(record["body"])["detections"] for record in event["Records"])
    stream.put(random.choices(catalogue.vehicles(), k=wanted))  # noqa: S311 - traffic, not a secret
    logger.info("simulated", detections=wanted)
