"""Sessions: an access token to call with, and a chain of refresh tokens each good for one use."""

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
    """A new access token of ``user``."""
    return _token(user, TokenUse.ACCESS, ids.new_id(), ACCESS_LIFETIME)


def _pair(user: UserRecord, session: SessionRecord) -> TokenPair:
    return TokenPair(
        access_token=access_token(user),
        refresh_token=_token(user, TokenUse.REFRESH, session.current, REFRESH_LIFETIME, session.family),
        expires_in=ACCESS_SECONDS,
    )


def begin(user: UserRecord) -> TokenPair:
    """The first tokens of a new session."""
    session = SessionRecord(
        ids.new_id(), user_id=user.id, current=ids.new_id(), expires_at=clock.now() + REFRESH_LIFETIME
    )
    session.save()
    return _pair(user, session)


def refresh(refresh_token: str) -> TokenPair:
    """The next tokens of the session that ``refresh_token`` belongs to; the token is spent by it.

    Raises
    ------
    ApiError
        401 where the token is not good. One that was spent before has leaked: its whole session ends.

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
        # A session that is gone needs no end.
        if error.cause_response_code != "ConditionalCheckFailedException":
            raise
