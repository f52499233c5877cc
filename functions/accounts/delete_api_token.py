"""DELETE /api/tokens/{id}: revoke an API token."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path

from accounts import revoking
from sitewatch.api import ADMINS, Api
from sitewatch.errors import NOT_FOUND, TOO_MANY_REQUESTS, ApiError

app = Api(access=ADMINS, errors=[NOT_FOUND, TOO_MANY_REQUESTS])


@app.delete("/api/tokens/<token_id>", status_code=204, summary="Revoke an API token", tags=["accounts"])
def revoke_api_token(token_id: Annotated[str, Path(max_length=64)]) -> Response[None]:
    """Takes effect within 60 seconds: functions cache a token's status for at most that long."""
    if not revoking.revoke(token_id, app.origin):
        raise ApiError(NOT_FOUND)
    return Response(status_code=204)


handler = app.resolve
