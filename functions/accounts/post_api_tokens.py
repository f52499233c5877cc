"""POST /api/tokens: issue a long-lived token to a machine."""

from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints

from accounts import machines
from sitewatch import ids
from sitewatch.api import ADMINS, Api
from sitewatch.callers import Scope
from sitewatch.clock import Timestamp
from sitewatch.names import SourceName

app = Api(access=ADMINS)


class NewApiToken(BaseModel):
    """The machine's name, the token's lifetime, what it may send, and the one source it may speak for."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]
    expires_in_days: Annotated[int, Field(ge=1, le=3650, strict=True)] = 365
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=len(Scope))] = sorted(Scope)
    source: SourceName | None = None


class IssuedApiToken(BaseModel):
    """The new token. No other response ever contains it."""

    id: str
    name: str
    scopes: list[Scope]
    source: str | None
    api_token: str
    expires_at: Timestamp


@app.post("/api/tokens", status_code=201, summary="Issue an API token", tags=["accounts"])
def issue_api_token(new: NewApiToken) -> IssuedApiToken:
    """Issues a token with the role ``machine``, for sending detections, events and readings.

    ``scopes`` limits it to some of these, ``source`` to one source: it can speak for no other.
    """
    token, signed = machines.issue(
        ids.new_id(),
        new.name,
        origin=app.origin,
        lifetime=timedelta(days=new.expires_in_days),
        scopes=new.scopes,
        source=new.source,
    )
    return IssuedApiToken(
        id=token.id,
        name=token.name,
        scopes=sorted(set(new.scopes)),
        source=token.source,
        api_token=signed,
        expires_at=token.expires_at,
    )


handler = app.resolve
