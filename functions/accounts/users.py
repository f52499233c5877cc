"""Find and list users."""

from collections.abc import Iterator
from itertools import islice

from accounts.model import UsernameClaim, UserRecord
from sitewatch import tables
from sitewatch.callers import Role
from sitewatch.directory import claim_key, user_key

_SEARCH_PAGE, _SEARCH_PAGES = 1000, 100


def by_id(user_id: str) -> UserRecord | None:
    """Return the user with this id as it is now, or ``None``."""
    return next(UserRecord.query(user_key(user_id), consistent_read=True), None)


def by_username(username: str) -> UserRecord | None:
    """Return the user with this username, ignoring case, or ``None``. Both take two reads."""
    claim = next(UsernameClaim.query(claim_key(username), consistent_read=True), None)
    return by_id(claim.user_id if claim else "")


def oldest_first(after: str | None, limit: int) -> tuple[list[UserRecord], str | None]:
    """Return up to ``limit`` users created after the user with id ``after``, oldest first, and where to continue."""
    query = UserRecord.by_creation.query("user", UserRecord.id > after if after else None, limit=limit + 1)
    return tables.page(UserRecord, query, limit)


def enabled_admins() -> Iterator[UserRecord]:
    """The administrators among the first 100,000 users who are not disabled, oldest first."""
    is_enabled_admin = (UserRecord.role == Role.ADMIN.value) & (UserRecord.disabled == False)  # noqa: E712
    # bounded: by the pages below
    found = UserRecord.by_creation.query("user", filter_condition=is_enabled_admin, page_size=_SEARCH_PAGE)
    for page in islice(found.page_iter, _SEARCH_PAGES):
        yield from map(UserRecord.from_raw_data, page["Items"])
