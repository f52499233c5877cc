"""Every minute: store what the simulated doors have counted."""

from typing import Any

from occupancy import simulation
from sitewatch import clock
from sitewatch.observability import logger


def handler(event: dict[str, Any], context: Any) -> None:
    logger.info("simulated", readings=simulation.simulate(clock.now()))
