"""POST /token: get an access token with OAuth 2."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Form

from accounts import sessions
from accounts.login import MAX_USERNAME_LENGTH, FormExtra, log_in
from accounts.model import MAX_PASSWORD_LENGTH, AccessToken, TokenPair
from sitewatch.api import PUBLIC, Api
from sitewatch.errors import BAD_CREDENTIALS, BAD_TOKEN, TOO_MANY_REQUESTS, ApiError, code_of_field

app = Api(access=PUBLIC, form=True, errors=[BAD_CREDENTIALS, BAD_TOKEN, TOO_MANY_REQUESTS])

Username = Annotated[str | None, Form(max_length=MAX_USERNAME_LENGTH, description="With the grant type password.")]
Password = Annotated[str | None, Form(max_length=MAX_PASSWORD_LENGTH, description="With the grant type password.")]
RefreshToken = Annotated[str | None, Form(max_length=4096, description="With the grant type refresh_token.")]
GrantType = Annotated[str | None, Form(max_length=64, description="`refresh_token`, or anything for a password.")]


@app.post("/token", summary="Get an access token", tags=["accounts"])
def issue_token(
    username: Username = None,
    password: Password = None,
    refresh_token: RefreshToken = None,
    grant_type: GrantType = None,
    scope: FormExtra = None,
    client_id: FormExtra = None,
    client_secret: FormExtra = None,
) -> TokenPair | AccessToken:
    """The OAuth 2 password flow (RFC 6749, section 4.3), which Swagger UI's Authorize button uses.

    With ``grant_type=refresh_token`` (section 6) it is ``POST /auth/refresh``: the response has a refresh token too.
    """
    if grant_type == "refresh_token":
        [given] = _required(refresh_token=refresh_token)
        return sessions.refresh(given, app.origin)
    name, word = _required(username=username, password=password)
    pair = sessions.begin(log_in(name, word, app.origin), app.origin)
    return AccessToken(access_token=pair.access_token, expires_in=pair.expires_in)


def _required(**fields: str | None) -> list[str]:
    missing = [name for name, value in fields.items() if value is None]
    if missing:
        problems = [{"field": name, "message": "Field required"} for name in missing]
        raise ApiError(code_of_field(missing[0]), problems)
    return [value for value in fields.values() if value is not None]


handler = app.resolve
