"""POST /token: get an access token with the OAuth 2 password flow."""

from accounts import sessions
from accounts.login import FormExtra, FormPassword, FormUsername, log_in
from accounts.model import AccessToken
from sitewatch.api import PUBLIC, Api
from sitewatch.errors import BAD_CREDENTIALS

app = Api(access=PUBLIC, form=True, errors=[BAD_CREDENTIALS])


@app.post("/token", summary="Get an access token", tags=["accounts"])
def issue_token(
    username: FormUsername,
    password: FormPassword,
    grant_type: FormExtra = None,
    scope: FormExtra = None,
    client_id: FormExtra = None,
    client_secret: FormExtra = None,
) -> AccessToken:
    """The OAuth 2 password flow (RFC 6749, section 4.3), which Swagger UI's Authorize button uses."""
    pair = sessions.begin(log_in(username, password, app.origin), app.origin)
    return AccessToken(access_token=pair.access_token, expires_in=pair.expires_in)


handler = app.resolve
