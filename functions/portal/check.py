"""GET and POST /check: is the site's backend healthy?"""

from typing import Literal

from pydantic import BaseModel

from portal import health
from sitewatch.api import PUBLIC, Api
from sitewatch.errors import DATABASE_NOT_HEALTHY, QUEUES_NOT_HEALTHY

app = Api(access=PUBLIC, errors=[DATABASE_NOT_HEALTHY, QUEUES_NOT_HEALTHY])


class Health(BaseModel):
    """All is well."""

    health: Literal["ok"] = "ok"


@app.route("/check", method=["GET", "POST"], summary="Check the health", tags=["portal"])
def check_health() -> Health:
    """Asks the database, the stream and the queues; 503 where one does not answer."""
    health.check()
    return Health()


handler = app.resolve
