"""Who has an account: what every domain may ask without knowing how accounts are kept."""

from collections.abc import Collection

from pynamodb.attributes import UnicodeAttribute
from pynamodb.models import Model

from sitewatch import settings
from sitewatch.tables import TableMeta


class DirectoryEntry(Model):
    """That there is a user; ``accounts`` stores the rest of the item."""

    class Meta(TableMeta):
        table_name = settings.text("USERS_TABLE")

    key = UnicodeAttribute(hash_key=True)
    id = UnicodeAttribute()


def user_key(user_id: str) -> str:
    """The key of the user with this id."""
    return f"user#{user_id}"


def known(user_ids: Collection[str]) -> set[str]:
    """Those of up to 100 ids that are users', those of users who have just signed up included."""
    keys = {user_key(user_id) for user_id in user_ids}
    found = DirectoryEntry.batch_get(list(keys), consistent_read=True, attributes_to_get=["key", "id"])
    return {entry.id for entry in found}
