"""Change what ``sitewatch.user_status`` says about a user: disable it, change its role, end its sessions.

Every function here changes a status that was just read; saving it in a transaction fails if it has changed since.
"""

from datetime import timedelta

from sitewatch import clock
from sitewatch.tokens import ACCESS_LIFETIME
from sitewatch.user_status import UserStatus

_MAX_ENDED = 500
_CLOCKS_DIFFER_BY = timedelta(minutes=1)


def read_for_change(user_id: str) -> UserStatus:
    """The status of the user as it is now, to change and save."""
    return next(UserStatus.query(user_id, consistent_read=True), None) or UserStatus(user_id)


def end_all_sessions(status: UserStatus, *, keep: str | None = None) -> None:
    """End all sessions of the user, except ``keep``."""
    status.generation += 1
    status.kept_session = keep
    status.ended_sessions = {}


def end_session(status: UserStatus, family: str) -> None:
    """End one session. It is forgotten when the last of its access tokens has expired.

    After 500 of them within that time all sessions end, so that the record stays small.
    """
    now = clock.now()
    standing = {each: until for each, until in status.ended_sessions.items() if until > now.timestamp()}
    if len(standing) >= _MAX_ENDED:
        end_all_sessions(status)
        return
    until = now + ACCESS_LIFETIME + _CLOCKS_DIFFER_BY
    status.ended_sessions = {**standing, family: int(until.timestamp())}
