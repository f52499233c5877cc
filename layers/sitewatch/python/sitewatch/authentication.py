"""Authenticate and authorize callers. Only endpoints that check tokens import this, because it imports cryptography."""

from sitewatch import api_tokens, tokens
from sitewatch.callers import Access, Caller, TokenUse
from sitewatch.errors import BAD_TOKEN, FORBIDDEN, ApiError


def authenticate(authorization: str | None, *, access: Access) -> Caller | None:
    """The caller that the ``Authorization`` header identifies; ``None`` for an anonymous one, if ``access`` allows it.

    Raises
    ------
    ApiError
        401 without a valid access or API token, 403 if its role is not in ``access``.

    """
    if access.anonymous and authorization is None:
        return None
    if not authorization:
        raise ApiError(BAD_TOKEN, "Missing Authorization Header")
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer":
        raise ApiError(BAD_TOKEN, "Only bearer tokens are allowed")
    try:
        caller = tokens.verify(token.strip())
    except tokens.TokenRefused as refusal:
        raise ApiError(BAD_TOKEN, str(refusal)) from None
    if caller.use is TokenUse.REFRESH:
        raise ApiError(BAD_TOKEN, "Only access tokens are allowed")
    if caller.role not in access.roles:
        raise ApiError(FORBIDDEN, "this requires the role " + " or ".join(sorted(access.roles)))
    if caller.use is TokenUse.API and not api_tokens.is_active(caller.token_id):
        raise ApiError(BAD_TOKEN, "Token has been revoked")
    return caller
