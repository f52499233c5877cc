"""GET and POST /check: is the site's backend healthy?"""

from typing import Any, Literal

from portal import health
from pydantic import BaseModel
from sitewatch.api import PUBLIC, Api

app = Api(access=PUBLIC)


class Health(BaseModel):
    """All is well."""

    health: Literal["ok"] = "ok"


@app.route("/check", method=["GET", "POST"], summary="Check the health", tags=["portal"])
def check_health() -> Health:
    """Asks the database, the stream and the queues; 503 where one does not answer."""
    health.check()
    return Health()


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
