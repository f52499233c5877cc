"""GET, HEAD and POST /check: check the backend's health."""

from typing import Literal

from portal import health
from sitewatch.api import PUBLIC, Api
from sitewatch.errors import DATABASE_NOT_HEALTHY, QUEUES_NOT_HEALTHY
from sitewatch.models import BaseModel

app = Api(ignores_query=True, access=PUBLIC, errors=[DATABASE_NOT_HEALTHY, QUEUES_NOT_HEALTHY])


class Health(BaseModel):
    """The backend is healthy."""

    health: Literal["ok"] = "ok"


@app.route("/check", method=["GET", "HEAD", "POST"], summary="Check the health", tags=["portal"])
def check_health() -> Health:
    """Checks the database, the stream and the queues; 503 if one does not respond."""
    health.check()
    return Health()


handler = app.resolve
