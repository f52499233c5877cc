"""POST /auth/refresh: get a session's next tokens."""

from typing import Annotated

from pydantic import StringConstraints

from accounts import sessions
from accounts.model import TokenPair
from sitewatch.api import PUBLIC, Api
from sitewatch.errors import BAD_TOKEN, TOO_MANY_REQUESTS
from sitewatch.models import BaseModel

app = Api(access=PUBLIC, errors=[BAD_TOKEN, TOO_MANY_REQUESTS])


class Refresh(BaseModel):
    """A refresh token."""

    refresh_token: Annotated[str, StringConstraints(min_length=1, max_length=4096)]


@app.post("/auth/refresh", summary="Refresh a session", tags=["accounts"])
def refresh_session(refresh: Refresh) -> TokenPair:
    """Returns a new pair of tokens. Each refresh token works once; using one again ends the whole session."""
    return sessions.refresh(refresh.refresh_token, app.origin)


handler = app.resolve
