"""POST /auth/refresh: the next tokens of a session."""

from typing import Annotated

from pydantic import BaseModel, StringConstraints

from accounts import sessions
from accounts.model import TokenPair
from sitewatch.api import PUBLIC, Api
from sitewatch.errors import BAD_TOKEN

app = Api(access=PUBLIC, errors=[BAD_TOKEN])


class Refresh(BaseModel):
    """The refresh token to spend."""

    refresh_token: Annotated[str, StringConstraints(min_length=1, max_length=4096)]


@app.post("/auth/refresh", summary="Refresh a session", tags=["accounts"])
def refresh_session(refresh: Refresh) -> TokenPair:
    """A new pair of tokens. The old refresh token is spent; using it again ends the whole session."""
    return sessions.refresh(refresh.refresh_token)


handler = app.resolve
