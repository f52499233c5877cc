"""Once a minute: plan the next sample events as one delayed message each."""

from typing import Any

from events import pacing
from sitewatch import clock, settings
from sitewatch.observability import logger


def handler(event: dict[str, Any], context: Any) -> None:
    now = clock.now()
    seconds = pacing.plan(now, settings.integer("EVENT_INTERVAL_SECONDS"))
    pacing.enqueue(seconds, now)
    logger.info("planned", events=len(seconds))
