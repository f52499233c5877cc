"""POST /auth/login: start a session."""

from accounts import sessions
from accounts.login import FormExtra, FormPassword, FormUsername, log_in
from accounts.model import TokenPair
from sitewatch.api import PUBLIC, Api
from sitewatch.errors import BAD_CREDENTIALS

app = Api(access=PUBLIC, form=True, errors=[BAD_CREDENTIALS])


@app.post("/auth/login", summary="Log in with a form", tags=["accounts"])
def begin_session(
    username: FormUsername,
    password: FormPassword,
    grant_type: FormExtra = None,
    scope: FormExtra = None,
    client_id: FormExtra = None,
    client_secret: FormExtra = None,
) -> TokenPair:
    """Returns an access token, and a refresh token for ``POST /auth/refresh``."""
    return sessions.begin(log_in(username, password, app.origin), app.origin)


handler = app.resolve
