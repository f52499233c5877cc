"""GET /api/sensors/{sensor}/occupancy and /sensors/{sensor}/occupancy: how many people are or were inside."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Path, Query

from occupancy import instants
from occupancy.model import InsideAtInstant, InsideNow
from sitewatch import names
from sitewatch.api import PUBLIC, Api
from sitewatch.clock import QueryTime
from sitewatch.errors import NOT_FOUND

app = Api(access=PUBLIC, errors=[NOT_FOUND])

SensorInPath = Annotated[str, Path(max_length=1024)]
AtInstant = Annotated[
    QueryTime | None, Query(alias="atInstant", description="Count readings up to this time, inclusive.")
]


@app.get("/api/sensors/<sensor>/occupancy", summary="Count who is inside", tags=["occupancy"])
@app.get("/sensors/<sensor>/occupancy", summary="Count who is inside", tags=["occupancy"])
def get_occupancy(sensor: SensorInPath, at_instant: AtInstant = None) -> InsideAtInstant | InsideNow:
    """People who came in minus people who went out, in all readings or in those with ``ts`` ≤ ``atInstant``.

    The number can be negative while readings are missing.
    """
    name = names.from_path(sensor)
    if at_instant is None:
        return InsideNow(inside=instants.current(name), sensor=name)
    return InsideAtInstant(inside=instants.at(name, at_instant))


handler = app.resolve
