"""Shared by every login endpoint: the OAuth 2 password form, and the credentials check."""

from functools import partial
from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Form

from accounts import credentials, guessing
from accounts.model import MAX_PASSWORD_LENGTH, UserRecord
from sitewatch.callers import Origin
from sitewatch.directory import claim_key
from sitewatch.errors import BAD_CREDENTIALS, ApiError

# A login does not check the sign-up rules: credentials that break them match no account and get the usual 401.
MAX_USERNAME_LENGTH = 64

FormUsername = Annotated[str, Form(max_length=MAX_USERNAME_LENGTH)]
FormPassword = Annotated[str, Form(max_length=MAX_PASSWORD_LENGTH)]
FormExtra = Annotated[str | None, Form(max_length=1024, description="OAuth 2 clients send it; ignored.")]


def log_in(username: str, password: str, origin: Origin) -> UserRecord:
    """Return the user with these credentials, which ``origin`` has sent.

    Raises
    ------
    ApiError
        401 "Bad Credentials"; the same for an unknown user and a wrong password. 429 after too many of them.

    """
    verify = partial(credentials.authenticate, username, password, origin)
    user = guessing.check(claim_key(username), origin.address, verify)
    if user is None:
        raise ApiError(BAD_CREDENTIALS, "Incorrect username or password")
    return user
