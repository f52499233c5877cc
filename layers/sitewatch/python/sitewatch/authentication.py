"""Authenticate and authorize callers. Only endpoints that check tokens import this, because it imports cryptography."""

from sitewatch import api_tokens, tokens, user_status
from sitewatch.callers import Access, Caller, TokenUse
from sitewatch.errors import BAD_TOKEN, FORBIDDEN, ApiError


def authenticate(authorization: str | None, *, access: Access) -> Caller | None:
    """Identify and authorize the caller: raises what ``identify`` and ``authorize`` raise."""
    caller = identify(authorization, access=access)
    return None if caller is None else authorize(caller, access=access)


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


def authorize(caller: Caller, *, access: Access) -> Caller:
    """Check that an identified caller may call an endpoint with this ``access``, and return it with its role now.

    Raises
    ------
    ApiError
        401 if its session is over or its API token has been revoked, 403 if its role or scope is not in ``access``.

    """
    return _machine(caller, access) if caller.is_machine else _user(caller, access)


def _machine(caller: Caller, access: Access) -> Caller:
    _require_role(caller, access)
    if access.scope is not None and access.scope not in caller.scopes:
        raise ApiError(FORBIDDEN, f"this requires the scope {access.scope}")
    if not api_tokens.is_active(caller):
        raise ApiError(BAD_TOKEN, "Token has been revoked")
    return caller


def _user(caller: Caller, access: Access) -> Caller:
    now = user_status.current(caller, fresh=access.is_fresh)
    if now is None:
        raise ApiError(BAD_TOKEN, "Token has been revoked")
    _require_role(now, access)
    return now


def _require_role(caller: Caller, access: Access) -> None:
    if caller.role not in access.roles:
        raise ApiError(FORBIDDEN, "this requires the role " + " or ".join(sorted(access.roles)))
