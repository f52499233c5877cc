"""GET /api/ready: check that the backend is ready for machines to send data."""

from typing import Literal

from portal import health
from sitewatch.api import ALL_ROLES, Api
from sitewatch.errors import DATABASE_NOT_HEALTHY, QUEUES_NOT_HEALTHY
from sitewatch.models import BaseModel

app = Api(ignores_query=True, access=ALL_ROLES, errors=[DATABASE_NOT_HEALTHY, QUEUES_NOT_HEALTHY])


class Readiness(BaseModel):
    """The backend is ready."""

    status: Literal["ready"] = "ready"


@app.get("/api/ready", summary="Check that machines can send", tags=["portal"])
def get_readiness() -> Readiness:
    """Like ``/check``, but also checks the caller's token, so a machine can test its API token."""
    health.check()
    return Readiness()


handler = app.resolve
