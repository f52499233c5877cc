"""Sessions: short-lived access tokens, and single-use refresh tokens."""

from datetime import timedelta

from pynamodb.exceptions import UpdateError

from accounts import users
from accounts.issuing import ACCESS_LIFETIME, REFRESH_LIFETIME, sign
from accounts.model import SessionRecord, TokenPair, UserRecord
from sitewatch import clock, ids, tokens
from sitewatch.callers import Caller, Role, TokenUse
from sitewatch.errors import BAD_TOKEN, ApiError

ACCESS_SECONDS = int(ACCESS_LIFETIME.total_seconds())


def _token(user: UserRecord, use: TokenUse, token_id: str, lifetime: timedelta, family: str | None = None) -> str:
    caller = Caller(user.id, user.username, Role(user.role), use, token_id, family)
    return sign(caller, expires_at=clock.now() + lifetime)


def access_token(user: UserRecord) -> str:
    """Return a new access token for ``user``."""
    return _token(user, TokenUse.ACCESS, ids.new_id(), ACCESS_LIFETIME)


def _pair(user: UserRecord, session: SessionRecord) -> TokenPair:
    return TokenPair(
        access_token=access_token(user),
        refresh_token=_token(user, TokenUse.REFRESH, session.current, REFRESH_LIFETIME, session.family),
        expires_in=ACCESS_SECONDS,
    )


def begin(user: UserRecord) -> TokenPair:
    """Start a session and return its first tokens."""
    session = SessionRecord(
        ids.new_id(), user_id=user.id, current=ids.new_id(), expires_at=clock.now() + REFRESH_LIFETIME
    )
    session.save()
    return _pair(user, session)


def refresh(refresh_token: str) -> TokenPair:
    """Exchange ``refresh_token``, which works once, for its session's next tokens.

    Raises
    ------
    ApiError
        401 if the token is invalid. A token that was used before must have leaked, so its session is revoked.

    """
    try:
        caller = tokens.verify(refresh_token)
    except tokens.TokenRefused as refusal:
        raise ApiError(BAD_TOKEN, str(refusal)) from None
    if caller.use is not TokenUse.REFRESH or caller.family is None:
        raise ApiError(BAD_TOKEN, "Only refresh tokens are allowed")
    session = SessionRecord(caller.family)
    try:
        session.update(
            actions=[
                SessionRecord.current.set(ids.new_id()),
                SessionRecord.expires_at.set(clock.now() + REFRESH_LIFETIME),
            ],
            condition=(SessionRecord.current == caller.token_id) & (SessionRecord.revoked == False),  # noqa: E712
        )
    except UpdateError as error:
        if error.cause_response_code != "ConditionalCheckFailedException":
            raise
        _revoke(caller.family)
        raise ApiError(BAD_TOKEN, "Token has been revoked") from None
    user = users.by_id(session.user_id)
    if user is None or user.disabled:
        raise ApiError(BAD_TOKEN, "Token has been revoked")
    return _pair(user, session)


def _revoke(family: str) -> None:
    try:
        SessionRecord(family).update(actions=[SessionRecord.revoked.set(True)], condition=SessionRecord.family.exists())
    except UpdateError as error:
        # The session no longer exists.
        if error.cause_response_code != "ConditionalCheckFailedException":
            raise
