"""GET /api/sensors/{sensor}/history: how many people were inside, over time."""

from datetime import timedelta
from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Path, Query

from occupancy import history
from occupancy.model import History
from sitewatch import clock, names
from sitewatch.api import PUBLIC, Api
from sitewatch.clock import QueryTime
from sitewatch.errors import NOT_FOUND

_DAY = timedelta(days=1)

app = Api(access=PUBLIC, errors=[NOT_FOUND])


@app.get("/api/sensors/<sensor>/history", summary="Chart who was inside", tags=["occupancy"])
def get_history(
    sensor: Annotated[str, Path(max_length=1024)],
    since: Annotated[
        QueryTime | None, Query(alias="from", description="The first point; by default a day before `to`.")
    ] = None,
    until: Annotated[QueryTime | None, Query(alias="to", description="The end, inclusive; by default now.")] = None,
    step: Annotated[int, Query(ge=60, le=86400, description="Seconds between two points.")] = 300,
) -> History:
    """A point at ``from``, and one every ``step`` seconds after it up to ``to``: at most 1,500.

    All times are rounded down to whole minutes. Points at midnights (UTC) may span any time, others 100 days.
    """
    last = until or max(clock.now(), since or clock.EARLIEST)
    first = since or max(last - _DAY, clock.EARLIEST)
    name = names.from_path(sensor)
    return History(sensor=name, points=history.points(name, first, last, timedelta(seconds=step)))


handler = app.resolve
