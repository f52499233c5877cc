"""Find and list users."""

from collections.abc import Iterator

from accounts.model import UsernameClaim, UserRecord
from sitewatch.directory import user_key


def claim_key(username: str) -> str:
    """The key of a username's claim, which ignores case."""
    return f"username#{username.lower()}"


def by_id(user_id: str) -> UserRecord | None:
    """Return the user with this id, or ``None``."""
    return next(UserRecord.query(user_key(user_id)), None)


def by_username(username: str) -> UserRecord | None:
    """Return the user with this username, ignoring case, or ``None``. Both take two reads."""
    claim = next(UsernameClaim.query(claim_key(username)), None)
    return by_id(claim.user_id if claim else "")


def oldest_first(after: str | None, limit: int) -> Iterator[UserRecord]:
    """Return up to ``limit`` users created after the user with id ``after``, oldest first."""
    return UserRecord.by_creation.query("user", UserRecord.id > after if after else None, limit=limit, page_size=limit)
