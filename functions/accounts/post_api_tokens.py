"""POST /api/tokens: issue a long-lived token to a machine."""

from datetime import timedelta

from accounts import machines
from accounts.api_token_models import ApiTokenView, IssuedApiToken, NewApiToken
from sitewatch import ids
from sitewatch.api import ADMINS, Api

app = Api(access=ADMINS)


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
    return IssuedApiToken(api_token=signed, **ApiTokenView.of(token).model_dump())


handler = app.resolve
