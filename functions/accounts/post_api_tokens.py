"""POST /api/tokens: issue a long-lived token to a machine."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field, StringConstraints

from accounts import machines
from sitewatch import ids
from sitewatch.api import ADMINS, Api
from sitewatch.clock import Timestamp
from sitewatch.models import BaseModel

app = Api(access=ADMINS)


class NewApiToken(BaseModel):
    """The machine's name, and the token's lifetime."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]
    expires_in_days: Annotated[int, Field(ge=1, le=3650, strict=True)] = 365


class IssuedApiToken(BaseModel):
    """The new token. No other response ever contains it."""

    id: str
    name: str
    api_token: str
    expires_at: Timestamp


@app.post("/api/tokens", status_code=201, summary="Issue an API token", tags=["accounts"])
def issue_api_token(new: NewApiToken) -> IssuedApiToken:
    """Issues a token with the role ``machine``, for sending detections and events."""
    token, signed = machines.issue(
        ids.new_id(),
        new.name,
        created_by=app.require_caller().subject,
        lifetime=timedelta(days=new.expires_in_days),
    )
    return IssuedApiToken(id=token.id, name=token.name, api_token=signed, expires_at=token.expires_at)


handler = app.resolve
