"""Sessions: short-lived access tokens, and single-use refresh tokens."""

from datetime import datetime, timedelta

from pynamodb.exceptions import UpdateError
from pynamodb.transactions import TransactWrite

from accounts import standing
from accounts.issuing import REFRESH_LIFETIME, sign
from accounts.model import SessionRecord, TokenPair, UserRecord
from sitewatch import audit, clock, ids, tokens, transactions, user_status
from sitewatch.audit import Action
from sitewatch.callers import Caller, Origin, Role, TokenUse
from sitewatch.errors import BAD_TOKEN, ApiError
from sitewatch.tokens import ACCESS_LIFETIME

SESSION_LIFETIME = timedelta(days=30)
"""How long a session lasts after its login, however often it is refreshed."""
REPEAT_WINDOW = timedelta(seconds=10)
"""How long a replaced refresh token returns its pair again: a response was lost, or two tabs refreshed at once."""


def begin(user: UserRecord, origin: Origin) -> TokenPair:
    """Start a session of ``user``, who has just logged in from ``origin``, and return its first tokens."""
    family, now = ids.new_id(), clock.now()
    session = SessionRecord(
        family, user_id=user.id, current=ids.new_id(), refreshed_at=now, expires_at=_expiry(family, now)
    )
    login = audit.entry(Origin(user.id, origin.address), Action.LOGIN_SUCCEEDED, user.id, once=family)

    def fill(transaction: TransactWrite) -> None:
        transaction.save(session)
        audit.add(login, transaction)

    transactions.write(fill)
    role, generation = Role(user.role), int(user.generation)
    return _pair(Caller(user.id, user.username, role, TokenUse.REFRESH, session.current, family, generation), session)


def _pair(caller: Caller, session: SessionRecord) -> TokenPair:
    """Return the tokens of the session's current state for its user, which are the same at every call."""
    issued_at = session.refreshed_at
    access_until = min(issued_at + ACCESS_LIFETIME, session.expires_at)

    def signed(use: TokenUse, token_id: str, expires_at: datetime) -> str:
        to = Caller(caller.subject, caller.username, caller.role, use, token_id, session.family, caller.generation)
        return sign(to, expires_at=expires_at, issued_at=issued_at)

    return TokenPair(
        access_token=signed(TokenUse.ACCESS, ids.derived_id(issued_at, session.current), access_until),
        refresh_token=signed(TokenUse.REFRESH, session.current, session.expires_at),
        expires_in=round((access_until - issued_at).total_seconds()),
    )


def _expiry(family: str, now: datetime) -> datetime:
    return min(now + REFRESH_LIFETIME, ids.time_of(family) + SESSION_LIFETIME)


def refresh(refresh_token: str, origin: Origin) -> TokenPair:
    """Exchange ``refresh_token``, which works once, for its session's next tokens.

    For 10 s the token returns the same pair again.

    Raises
    ------
    ApiError
        401 if the token is invalid, or its session is over. A token that is used again later must have leaked, so its
        session ends.

    """
    try:
        caller = tokens.verify(refresh_token)
    except tokens.TokenRefused as refusal:
        raise ApiError(BAD_TOKEN, str(refusal)) from None
    if caller.use is not TokenUse.REFRESH or caller.family is None:
        raise ApiError(BAD_TOKEN, "Only refresh tokens are allowed")
    now = user_status.current(caller, fresh=True)
    if now is None:
        raise ApiError(BAD_TOKEN, "Token has been revoked")
    session = _next(caller.family, caller.token_id) or _repeated(caller.family, caller.token_id)
    if session is None:
        end(caller.subject, caller.family, Action.SESSION_REVOKED, origin)
        raise ApiError(BAD_TOKEN, "Token has been revoked")
    return _pair(now, session)


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
    session = _find(family)
    if session is None or session.revoked or session.previous != token_id:
        return None
    return session if clock.now() - session.refreshed_at <= REPEAT_WINDOW else None


def _find(family: str) -> SessionRecord | None:
    return next(SessionRecord.query(family, consistent_read=True), None)


def end(user_id: str, family: str, action: Action, origin: Origin) -> None:
    """End a session of the user with all of its tokens, unless it is over."""
    entry = audit.entry(origin, action, user_id)

    def prepare() -> transactions.Fill | None:
        session, status = _find(family), standing.read_for_change(user_id)
        if family in status.ended_sessions or (session is not None and session.revoked):
            return None
        standing.end_session(status, family)

        def fill(transaction: TransactWrite) -> None:
            if session is not None:
                transaction.update(session, actions=[SessionRecord.revoked.set(True)])
            transaction.save(status)
            audit.add(entry, transaction)

        return fill

    transactions.rewrite(prepare)
