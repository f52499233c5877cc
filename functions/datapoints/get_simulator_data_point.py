"""GET /simulator/data-point: a simulated source of data points, in stacks that include it."""

import random
from typing import Any

from datapoints import simulation
from sitewatch import clock
from sitewatch.api import PUBLIC, Api
from sitewatch.errors import DATABASE_NOT_HEALTHY, ApiError

app = Api(access=PUBLIC, errors=[DATABASE_NOT_HEALTHY])
_rng = random.Random()  # noqa: S311 - a simulation


@app.get("/simulator/data-point", summary="Get a simulated data point", tags=["datapoints"])
def simulate_data_point() -> Any:
    """Simulates an instrument: plausible values, some tagged or old, and now and then an invalid response or a 503."""
    try:
        return simulation.respond(clock.now().timestamp(), _rng)
    except simulation.OutOfService:
        raise ApiError(DATABASE_NOT_HEALTHY, "simulated: out of service") from None


handler = app.resolve
