"""Sessions: short-lived access tokens, and single-use refresh tokens."""

from datetime import datetime, timedelta

from pynamodb.exceptions import UpdateError

from accounts import users
from accounts.issuing import ACCESS_LIFETIME, REFRESH_LIFETIME, sign
from accounts.model import SessionRecord, TokenPair, UserRecord
from sitewatch import clock, ids, tokens
from sitewatch.callers import Caller, Role, TokenUse
from sitewatch.errors import BAD_TOKEN, ApiError

ACCESS_SECONDS = int(ACCESS_LIFETIME.total_seconds())
SESSION_LIFETIME = timedelta(days=30)
"""How long a session lasts after its login, however often it is refreshed."""
REPEAT_WINDOW = timedelta(seconds=10)
"""How long a replaced refresh token returns its pair again: a response was lost, or two tabs refreshed at once."""


def access_token(user: UserRecord) -> str:
    """Return a new access token for ``user``."""
    caller = Caller(user.id, user.username, Role(user.role), TokenUse.ACCESS, ids.new_id())
    return sign(caller, expires_at=clock.now() + ACCESS_LIFETIME)


def _pair(user: UserRecord, session: SessionRecord) -> TokenPair:
    """Return the tokens of the session's current state, which are the same at every call."""
    role, issued_at = Role(user.role), session.refreshed_at
    to_call = Caller(user.id, user.username, role, TokenUse.ACCESS, ids.derived_id(issued_at, session.current))
    to_refresh = Caller(user.id, user.username, role, TokenUse.REFRESH, session.current, session.family)
    return TokenPair(
        access_token=sign(to_call, expires_at=issued_at + ACCESS_LIFETIME, issued_at=issued_at),
        refresh_token=sign(to_refresh, expires_at=session.expires_at, issued_at=issued_at),
        expires_in=ACCESS_SECONDS,
    )


def _expiry(family: str, now: datetime) -> datetime:
    return min(now + REFRESH_LIFETIME, ids.time_of(family) + SESSION_LIFETIME)


def begin(user: UserRecord) -> TokenPair:
    """Start a session and return its first tokens."""
    family, now = ids.new_id(), clock.now()
    session = SessionRecord(
        family, user_id=user.id, current=ids.new_id(), refreshed_at=now, expires_at=_expiry(family, now)
    )
    session.save()
    return _pair(user, session)


def refresh(refresh_token: str) -> TokenPair:
    """Exchange ``refresh_token``, which works once, for its session's next tokens.

    For 10 s the token returns the same pair again.

    Raises
    ------
    ApiError
        401 if the token is invalid, or its session is over. A token that is used again later must have leaked, so its
        session is revoked.

    """
    try:
        caller = tokens.verify(refresh_token)
    except tokens.TokenRefused as refusal:
        raise ApiError(BAD_TOKEN, str(refusal)) from None
    if caller.use is not TokenUse.REFRESH or caller.family is None:
        raise ApiError(BAD_TOKEN, "Only refresh tokens are allowed")
    session = _next(caller.family, caller.token_id) or _repeated(caller.family, caller.token_id)
    if session is None:
        _revoke(caller.family)
        raise ApiError(BAD_TOKEN, "Token has been revoked")
    user = users.by_id(session.user_id)
    if user is None or user.disabled:
        raise ApiError(BAD_TOKEN, "Token has been revoked")
    return _pair(user, session)


def _next(family: str, token_id: str) -> SessionRecord | None:
    """Replace the session's current token, and return the session; None if ``token_id`` is not the current one."""
    session, now = SessionRecord(family), clock.now()
    try:
        session.update(
            actions=[
                SessionRecord.current.set(ids.new_id()),
                SessionRecord.previous.set(token_id),
                SessionRecord.refreshed_at.set(now),  # type: ignore[attr-defined]
                SessionRecord.expires_at.set(_expiry(family, now)),
            ],
            condition=(SessionRecord.current == token_id) & (SessionRecord.revoked == False),  # noqa: E712
        )
    except UpdateError as error:
        if error.cause_response_code != "ConditionalCheckFailedException":
            raise
        return None
    return session


def _repeated(family: str, token_id: str) -> SessionRecord | None:
    """Return the session if ``token_id`` was replaced just now; None otherwise."""
    session = next(SessionRecord.query(family, consistent_read=True), None)
    if session is None or session.revoked or session.previous != token_id:
        return None
    return session if clock.now() - session.refreshed_at <= REPEAT_WINDOW else None


def _revoke(family: str) -> None:
    try:
        SessionRecord(family).update(actions=[SessionRecord.revoked.set(True)], condition=SessionRecord.family.exists())
    except UpdateError as error:
        # The session no longer exists.
        if error.cause_response_code != "ConditionalCheckFailedException":
            raise
