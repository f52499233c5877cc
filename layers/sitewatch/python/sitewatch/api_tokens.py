"""API tokens of machines: their records, and whether a token is still active."""

import time
from datetime import datetime

from pynamodb.attributes import TTLAttribute, UnicodeAttribute
from pynamodb.models import Model

from sitewatch import settings
from sitewatch.tables import TableMeta, TimeAttribute

KIND = "api_token"
_CACHE_SECONDS = 30.0


class ApiTokenRecord(Model):
    """An active API token. Revoking deletes the record; after expiry, DynamoDB's time to live does.

    All records are in one partition, ordered by id: administrators create a few, and list them.
    """

    class Meta(TableMeta):
        table_name = settings.text("API_TOKENS_TABLE")

    kind = UnicodeAttribute(hash_key=True, default=KIND)
    id = UnicodeAttribute(range_key=True)
    name = UnicodeAttribute()
    created_by = UnicodeAttribute()
    key_id = UnicodeAttribute(null=True)
    """The ``kid`` of the key that signed it, to know when that key is no longer needed."""
    created_at: datetime = TimeAttribute()  # type: ignore[assignment]
    expires_at = TTLAttribute()


_cache: dict[str, tuple[float, bool]] = {}


def is_active(token_id: str) -> bool:
    """Whether the API token exists and is not revoked. Cached for 30 s per function instance."""
    checked_at, active = _cache.get(token_id, (float("-inf"), False))
    if time.monotonic() - checked_at > _CACHE_SECONDS:
        active = ApiTokenRecord.count(KIND, ApiTokenRecord.id == token_id) > 0
        _cache[token_id] = (time.monotonic(), active)
    return active
