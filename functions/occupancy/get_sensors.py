"""GET /api/sensors: list the sensors that have reported."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query

from occupancy.model import SENSOR_KIND, Sensors, SumsRecord
from sitewatch.api import PUBLIC, Api
from sitewatch.paging import Limit, page_of, paged

app = Api(access=PUBLIC)


@app.get("/api/sensors", summary="List sensors, by name", tags=["occupancy"])
def list_sensors(
    start: Annotated[
        str | None, Query(min_length=1, max_length=256, description="The last sensor of the previous page.")
    ] = None,
    limit: Limit = 100,
) -> Response[Sensors]:
    """``start`` is the last sensor of the previous page."""
    after = SumsRecord.sensor > start if start else None
    found = SumsRecord.by_name.query(SENSOR_KIND, after, limit=limit + 1, page_size=limit + 1)
    names, more = page_of((known.sensor for known in found), limit)
    return paged(Sensors(sensors=names), {"start": names[-1], "limit": limit} if more else None)


handler = app.resolve
