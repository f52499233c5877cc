"""Which users exist.

It is in the kernel because two domains share it: ``accounts`` stores users under ``user_key``, and ``messages`` checks
that senders and recipients exist, without importing ``accounts``.
"""

from collections.abc import Collection

from pynamodb.attributes import UnicodeAttribute

from sitewatch import settings
from sitewatch.tables import Model, TableMeta


class DirectoryEntry(Model):
    """The part of a user's item that shows that the user exists; ``accounts`` owns the rest."""

    class Meta(TableMeta):
        table_name = settings.text("USERS_TABLE")

    key = UnicodeAttribute(hash_key=True)
    id = UnicodeAttribute()


def user_key(user_id: str) -> str:
    """The key of the user's item."""
    return f"user#{user_id}"


def existing_ids(user_ids: Collection[str]) -> set[str]:
    """Those of ``user_ids`` (up to 100) that belong to a user, including users who have just signed up."""
    keys = {user_key(user_id) for user_id in user_ids}
    found = DirectoryEntry.batch_get(list(keys), consistent_read=True, attributes_to_get=["key", "id"])
    return {entry.id for entry in found}
