"""Whether the tokens of a user are still good: its role now, and which of its sessions are over.

It is in the kernel because every endpoint checks it. The table has neither names nor password hashes, so a function
that may read it learns nothing else. ``accounts`` writes it, together with the user.
"""

from dataclasses import replace

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute, VersionAttribute

from sitewatch import settings
from sitewatch.caching import ExpiringCache
from sitewatch.callers import Caller, Role
from sitewatch.tables import JsonAttribute, Model, TableMeta

CACHE_SECONDS = 30.0
"""How long a function instance may accept a token that is no longer good, except on routes for admins."""


class UserStatus(Model):
    """What has happened to a user since it signed up. If nothing has, there is no record.

    A token has the ``generation`` of its session's login. To end all sessions, the generation goes up by one;
    ``kept_session`` then is the one that survives. ``ended_sessions`` are single sessions that ended, each with the
    Unix time at which its last access token expires. The record of a deleted user stays, for the tokens that exist.
    """

    class Meta(TableMeta):
        table_name = settings.text("USER_STATUS_TABLE")

    user_id = UnicodeAttribute(hash_key=True)
    role = UnicodeAttribute(null=True)
    disabled = BooleanAttribute(default=False)
    deleted = BooleanAttribute(default=False)
    generation = NumberAttribute(default=0)
    kept_session = UnicodeAttribute(null=True)
    ended_sessions = JsonAttribute(default=dict)
    version = VersionAttribute()

    @property
    def is_out(self) -> bool:
        """Whether the user is disabled or deleted, so that nothing of it is accepted."""
        return self.disabled or self.deleted

    def accepts(self, caller: Caller) -> bool:
        """Whether the session of ``caller``'s token goes on."""
        if self.is_out or caller.family in self.ended_sessions:
            return False
        return caller.generation == self.generation or (
            caller.family is not None and caller.family == self.kept_session
        )


_cache = ExpiringCache[UserStatus | None](CACHE_SECONDS)


def read(user_id: str, *, fresh: bool = False) -> UserStatus | None:
    """The status of a user, at most 30 s old, or as it is now if ``fresh``; ``None`` if nothing has happened to it."""
    return _cache.get(user_id, lambda: next(UserStatus.query(user_id, consistent_read=True), None), fresh=fresh)


def current(caller: Caller, *, fresh: bool = False) -> Caller | None:
    """``caller`` with the role that its user has now; ``None`` if the token is no longer good."""
    status = read(caller.subject, fresh=fresh)
    if status is not None and not status.accepts(caller) and not fresh:
        # The token may be from a login after what is cached was read.
        status = read(caller.subject, fresh=True)
    if status is None:
        return caller
    if not status.accepts(caller):
        return None
    return replace(caller, role=Role(status.role)) if status.role else caller
