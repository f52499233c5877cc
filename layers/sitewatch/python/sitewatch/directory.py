"""Which users exist.

It is in the kernel because several domains share it: ``accounts`` stores users under ``user_key``, ``messages`` checks
that senders and recipients exist, and ``incidents`` that assignees do, without importing ``accounts``.
"""

from collections.abc import Collection

from pynamodb.attributes import UnicodeAttribute

from sitewatch import settings
from sitewatch.tables import Model, TableMeta


class DirectoryEntry(Model):
    """The part of a user's item, or of the claim of a username, that shows that the user exists.

    ``accounts`` owns the rest.
    """

    class Meta(TableMeta):
        table_name = settings.text("USERS_TABLE")

    key = UnicodeAttribute(hash_key=True)
    id = UnicodeAttribute(null=True)
    user_id = UnicodeAttribute(null=True)
    username = UnicodeAttribute(null=True)


def user_key(user_id: str) -> str:
    """The key of the user's item."""
    return f"user#{user_id}"


def claim_key(username: str) -> str:
    """The key of a username's claim, which ignores case."""
    return f"username#{username.lower()}"


def existing_username(username: str) -> str | None:
    """The username of the user who has it in any letter case, as it is written, or ``None``."""
    claim = next(DirectoryEntry.query(claim_key(username), consistent_read=True, limit=1), None)
    if claim is None:
        return None
    user = next(DirectoryEntry.query(user_key(claim.user_id), consistent_read=True, limit=1), None)
    return user.username if user else None


def existing_ids(user_ids: Collection[str]) -> set[str]:
    """Those of ``user_ids`` (up to 100) that belong to a user, including users who have just signed up."""
    keys = {user_key(user_id) for user_id in user_ids}
    found = DirectoryEntry.batch_get(list(keys), consistent_read=True, attributes_to_get=["key", "id"])
    return {entry.id for entry in found if entry.id}
