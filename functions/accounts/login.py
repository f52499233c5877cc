"""What every way to log in shares: the form of the OAuth 2 password flow, and the check of it."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Form

from accounts import credentials
from accounts.model import LONGEST_PASSWORD, UserRecord
from sitewatch.errors import BAD_CREDENTIALS, ApiError

# A login does not repeat the rules of a sign-up: who breaks them has no account, and a 401 says so.
LONGEST_USERNAME = 64

FormUsername = Annotated[str, Form(max_length=LONGEST_USERNAME)]
FormPassword = Annotated[str, Form(max_length=LONGEST_PASSWORD)]
FormExtra = Annotated[str | None, Form(max_length=1024, description="Accepted, as OAuth 2 clients send it; not used.")]


def log_in(username: str, password: str) -> UserRecord:
    """The user with these credentials.

    Raises
    ------
    ApiError
        401 "Bad Credentials", the same for an unknown user and a wrong password.

    """
    user = credentials.authenticate(username, password)
    if user is None:
        raise ApiError(BAD_CREDENTIALS, "Incorrect username or password")
    return user
