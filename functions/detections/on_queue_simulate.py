"""Put the simulated vehicles of one second on the stream.

Every ten minutes, suspicious ones pass each camera for two minutes, one camera after the other.
"""

import json
import random
from typing import Any

from detections import catalogue, stream
from detections.arrival import is_suspicious
from sitewatch import clock
from sitewatch.observability import logger
from sitewatch.simulation import second_of_cycle

_CAMERAS = ("north gate", "south gate", "car park")
_APART = 180
_LASTS = 120
"""Seconds of suspicious traffic at a camera, and from one camera to the next."""


def handler(event: dict[str, Any], context: Any) -> None:
    wanted = sum(json.loads(record["body"])["detections"] for record in event["Records"])
    now = second_of_cycle(clock.now())
    cameras = random.choices(_CAMERAS, k=wanted)  # noqa: S311 - traffic, not a secret
    stream.put([_vehicle(camera, now) for camera in cameras])
    logger.info("simulated", detections=wanted)


def _vehicle(camera: str, second: int) -> dict[str, object]:
    begins = _CAMERAS.index(camera) * _APART
    may_be_suspicious = begins <= second < begins + _LASTS
    seen = catalogue.vehicles()
    if not may_be_suspicious:
        seen = [vehicle for vehicle in seen if not is_suspicious(str(vehicle["category"]))] or seen
    return {**random.choice(seen), "source": camera}  # noqa: S311
