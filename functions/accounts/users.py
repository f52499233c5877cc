"""Find and list users."""

from collections.abc import Iterator

from accounts.model import UsernameClaim, UserRecord
from sitewatch.directory import user_key


def claim_key(username: str) -> str:
    """The key of the claim to a username: the same for every letter case."""
    return f"username#{username.lower()}"


def by_id(user_id: str) -> UserRecord | None:
    """The user with this id, if there is one."""
    return next(UserRecord.query(user_key(user_id)), None)


def by_username(username: str) -> UserRecord | None:
    """The user with this name, whatever its letter case, if there is one."""
    claim = next(UsernameClaim.query(claim_key(username)), None)
    return by_id(claim.user_id) if claim else None


def oldest_first(after: str | None, limit: int) -> Iterator[UserRecord]:
    """Up to ``limit`` users, oldest first, from behind the id ``after``."""
    return UserRecord.by_creation.query("user", UserRecord.id > after if after else None, limit=limit, page_size=limit)
