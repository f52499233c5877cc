"""GET /api/tokens: list active API tokens."""

from aws_lambda_powertools.event_handler import Response

from accounts.api_token_models import ListedApiToken
from sitewatch import clock
from sitewatch.api import ADMINS, Api
from sitewatch.api_tokens import KIND, ApiTokenRecord
from sitewatch.ids import UlidText
from sitewatch.models import BaseModel
from sitewatch.paging import Limit, paged
from sitewatch.tables import page, views

app = Api(access=ADMINS)


class ApiTokens(BaseModel):
    """A page of API tokens."""

    tokens: list[ListedApiToken]


@app.get("/api/tokens", summary="List API tokens, oldest first", tags=["accounts"])
def list_api_tokens(start: UlidText | None = None, limit: Limit = 100) -> Response[ApiTokens]:
    """Active tokens, without the token text. ``start`` is the id of the last token on the previous page."""
    after = ApiTokenRecord.id > start if start else None
    # DynamoDB may delete expired items days late.
    unexpired = ApiTokenRecord.expires_at > clock.now()
    query = ApiTokenRecord.query(KIND, after, unexpired, limit=limit + 1)
    found, end = page(ApiTokenRecord, query, limit)
    return paged(ApiTokens(tokens=views(ListedApiToken.of, found)), {"start": end, "limit": limit} if end else None)


handler = app.resolve
