"""DELETE /api/tokens/{id}: revoke an API token."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path
from pynamodb.exceptions import DeleteError

from sitewatch.api import ADMINS, Api
from sitewatch.api_tokens import KIND, ApiTokenRecord
from sitewatch.errors import NOT_FOUND, ApiError

app = Api(access=ADMINS, errors=[NOT_FOUND])


@app.delete("/api/tokens/<token_id>", status_code=204, summary="Revoke an API token", tags=["accounts"])
def revoke_api_token(token_id: Annotated[str, Path(max_length=64)]) -> Response[None]:
    """Takes effect within 60 seconds: functions cache a token's status for at most that long."""
    try:
        ApiTokenRecord(KIND, token_id).delete(condition=ApiTokenRecord.id.exists())
    except DeleteError as error:
        if error.cause_response_code != "ConditionalCheckFailedException":
            raise
        raise ApiError(NOT_FOUND) from None
    return Response(status_code=204)


handler = app.resolve
