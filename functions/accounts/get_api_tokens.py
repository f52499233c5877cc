"""GET /api/tokens: list active API tokens."""

from aws_lambda_powertools.event_handler import Response
from pydantic import BaseModel

from sitewatch import clock
from sitewatch.api import ADMINS, Api
from sitewatch.api_tokens import KIND, ApiTokenRecord
from sitewatch.callers import ALL_SCOPES, Scope
from sitewatch.clock import Timestamp
from sitewatch.ids import UlidText
from sitewatch.paging import Limit, page_of, paged

app = Api(access=ADMINS)


class ListedApiToken(BaseModel):
    """An API token, without the token text."""

    id: str
    name: str
    created_by: str
    scopes: list[Scope]
    source: str | None
    created_at: Timestamp
    last_used_at: Timestamp | None
    """To the hour."""
    expires_at: Timestamp


class ApiTokens(BaseModel):
    """A page of API tokens."""

    tokens: list[ListedApiToken]


@app.get("/api/tokens", summary="List API tokens, oldest first", tags=["accounts"])
def list_api_tokens(start: UlidText | None = None, limit: Limit = 100) -> Response[ApiTokens]:
    """Active tokens, without the token text. ``start`` is the id of the last token on the previous page."""
    after = ApiTokenRecord.id > start if start else None
    # DynamoDB may delete expired items days late.
    unexpired = ApiTokenRecord.expires_at > clock.now()
    found, more = page_of(ApiTokenRecord.query(KIND, after, unexpired, limit=limit + 1), limit)
    listed = [_listed(token) for token in found]
    return paged(ApiTokens(tokens=listed), {"start": listed[-1].id, "limit": limit} if more else None)


def _listed(token: ApiTokenRecord) -> ListedApiToken:
    return ListedApiToken(
        id=token.id,
        name=token.name,
        created_by=token.created_by,
        scopes=sorted(ALL_SCOPES if token.scopes is None else map(Scope, token.scopes)),
        source=token.source,
        created_at=token.created_at,
        last_used_at=token.last_used_at,
        expires_at=token.expires_at,
    )


handler = app.resolve
