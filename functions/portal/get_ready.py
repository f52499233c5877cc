"""GET /api/ready: is the backend ready for a machine to send to?"""

from typing import Literal

from pydantic import BaseModel

from portal import health
from sitewatch.api import ALL_ROLES, Api
from sitewatch.errors import DATABASE_NOT_HEALTHY, QUEUES_NOT_HEALTHY

app = Api(access=ALL_ROLES, errors=[DATABASE_NOT_HEALTHY, QUEUES_NOT_HEALTHY])


class Readiness(BaseModel):
    """Send away."""

    status: Literal["ready"] = "ready"


@app.get("/api/ready", summary="Check that machines can send", tags=["portal"])
def get_readiness() -> Readiness:
    """As ``/check``, and it tells a machine too whether its API token is good."""
    health.check()
    return Readiness()


handler = app.resolve
