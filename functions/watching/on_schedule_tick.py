"""Once a minute: find what is due before the next tick, and set a timer for each."""

from typing import Any

from sitewatch import clock
from sitewatch.deadlines import set_timers
from sitewatch.observability import logger
from watching import timers


def handler(event: dict[str, Any], context: Any) -> None:
    now = clock.now()
    deadlines = list(timers.due(now))
    set_timers(deadlines, now)
    logger.info("set timers", deadlines=len(deadlines))
