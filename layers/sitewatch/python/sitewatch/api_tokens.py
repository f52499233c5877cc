"""API tokens of machines: how they are stored, and whether one still stands."""

import time
from datetime import datetime

from pynamodb.attributes import TTLAttribute, UnicodeAttribute
from pynamodb.models import Model

from sitewatch import settings
from sitewatch.tables import TableMeta, TimeAttribute

KIND = "api_token"
_REMEMBER_SECONDS = 30.0


class ApiTokenRecord(Model):
    """An API token that stands. A revoked one is deleted; an expired one goes by its time to live.

    All are in one partition, in the order of their ids: an administrator makes a few, and lists them.
    """

    class Meta(TableMeta):
        table_name = settings.text("API_TOKENS_TABLE")

    kind = UnicodeAttribute(hash_key=True, default=KIND)
    id = UnicodeAttribute(range_key=True)
    name = UnicodeAttribute()
    created_by = UnicodeAttribute()
    key_id = UnicodeAttribute(null=True)
    """The ``kid`` of the key that signed it: how to know when nothing needs that key any more."""
    created_at: datetime = TimeAttribute()  # type: ignore[assignment]
    expires_at = TTLAttribute()


_seen: dict[str, tuple[float, bool]] = {}


def stands(token_id: str) -> bool:
    """Whether the API token is stored and not revoked; an answer is remembered for 30 s."""
    looked_up_at, standing = _seen.get(token_id, (float("-inf"), False))
    if time.monotonic() - looked_up_at > _REMEMBER_SECONDS:
        standing = ApiTokenRecord.count(KIND, ApiTokenRecord.id == token_id) > 0
        _seen[token_id] = (time.monotonic(), standing)
    return standing
