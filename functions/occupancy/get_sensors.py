"""GET /api/sensors: list the sensors that have reported."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query

from occupancy.model import SENSOR_KIND, Sensors, SumsRecord
from sitewatch.api import PUBLIC, Api
from sitewatch.paging import Limit, paged
from sitewatch.tables import page

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
    query = SumsRecord.by_name.query(SENSOR_KIND, after, limit=limit + 1)
    found, end = page(SumsRecord, query, limit, sort_key="sensor")
    return paged(Sensors(sensors=[known.sensor for known in found]), {"start": end, "limit": limit} if end else None)


handler = app.resolve
