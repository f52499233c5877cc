"""Authenticate and authorize callers. Only endpoints that check tokens import this, because it imports cryptography."""

from sitewatch import api_tokens, tokens
from sitewatch.callers import Access, Caller, TokenUse
from sitewatch.errors import BAD_TOKEN, FORBIDDEN, ApiError


def authenticate(authorization: str | None, *, access: Access) -> Caller | None:
    """Identify and authorize the caller: raises what ``identify`` and ``authorize`` raise."""
    caller = identify(authorization, access=access)
    if caller is not None:
        authorize(caller, access=access)
    return caller


def identify(authorization: str | None, *, access: Access) -> Caller | None:
    """The caller that the ``Authorization`` header identifies; ``None`` for an anonymous one, if ``access`` allows it.

    Raises
    ------
    ApiError
        401 without a valid access or API token.

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
    return caller


def authorize(caller: Caller, *, access: Access) -> None:
    """Check that an identified caller may call an endpoint with this ``access``.

    Raises
    ------
    ApiError
        403 if its role is not in ``access``, 401 if its API token has been revoked.

    """
    if caller.role not in access.roles:
        raise ApiError(FORBIDDEN, "this requires the role " + " or ".join(sorted(access.roles)))
    if caller.use is TokenUse.API and not api_tokens.is_active(caller.token_id):
        raise ApiError(BAD_TOKEN, "Token has been revoked")
