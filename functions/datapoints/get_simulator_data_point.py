"""GET /simulator/data-point: a source of data points to try the system with, where the stack has one."""

import random
from typing import Any

from datapoints import simulation
from sitewatch import clock
from sitewatch.api import PUBLIC, Api
from sitewatch.errors import DATABASE_NOT_HEALTHY, ApiError

app = Api(access=PUBLIC, errors=[DATABASE_NOT_HEALTHY])
_dice = random.Random()  # noqa: S311 - a simulation


@app.get("/simulator/data-point", summary="Get a simulated data point", tags=["datapoints"])
def simulate_data_point() -> Any:
    """What an instrument could answer: plausible values, some tagged or old, and now and then a bad one or a 503."""
    try:
        return simulation.answer(clock.now().timestamp(), _dice)
    except simulation.OutOfService:
        raise ApiError(DATABASE_NOT_HEALTHY, "simulated: out of service") from None


handler = app.resolve
