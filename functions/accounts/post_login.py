"""POST /login: log in with JSON."""

from typing import Annotated

from pydantic import StringConstraints

from accounts import sessions
from accounts.login import MAX_USERNAME_LENGTH, log_in
from accounts.model import MAX_PASSWORD_LENGTH
from sitewatch.api import PUBLIC, Api
from sitewatch.clock import Timestamp
from sitewatch.errors import BAD_CREDENTIALS
from sitewatch.models import BaseModel

app = Api(access=PUBLIC, errors=[BAD_CREDENTIALS])


class Login(BaseModel):
    """A username and password."""

    username: Annotated[str, StringConstraints(max_length=MAX_USERNAME_LENGTH)]
    password: Annotated[str, StringConstraints(max_length=MAX_PASSWORD_LENGTH)]


class LoggedIn(BaseModel):
    """The user, an access token and a refresh token."""

    id: str
    timestamp: Timestamp
    username: str
    token: str
    refresh_token: str


@app.post("/login", summary="Log in with JSON", tags=["accounts"])
def log_in_with_json(login: Login) -> LoggedIn:
    """Like ``POST /auth/login``, but takes JSON and also returns the user."""
    user = log_in(login.username, login.password, app.origin)
    pair = sessions.begin(user, app.origin)
    return LoggedIn(
        id=user.id,
        timestamp=user.created_at,
        username=user.username,
        token=pair.access_token,
        refresh_token=pair.refresh_token,
    )


handler = app.resolve
