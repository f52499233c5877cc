"""Who a request speaks for. Only endpoints that look at tokens import this, and cryptography with it."""

from sitewatch import api_tokens, tokens
from sitewatch.callers import Access, Caller, TokenUse
from sitewatch.errors import BAD_TOKEN, FORBIDDEN, ApiError


def authenticate(authorization: str | None, *, access: Access) -> Caller | None:
    """Who the ``Authorization`` header speaks for, where that one may call; ``None`` for one who need not say.

    Raises
    ------
    ApiError
        401 without a token of ours that is meant for this, 403 where its role is not in ``access``.

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
        raise ApiError(FORBIDDEN, "this needs the role " + " or ".join(sorted(access.roles)))
    if caller.use is TokenUse.API and not api_tokens.stands(caller.token_id):
        raise ApiError(BAD_TOKEN, "Token has been revoked")
    return caller
