"""API tokens of machines: their records, and whether a token is still active."""

from datetime import datetime, timedelta

from pynamodb.attributes import TTLAttribute, UnicodeAttribute, UnicodeSetAttribute
from pynamodb.exceptions import DoesNotExist, UpdateError
from pynamodb.models import _ModelFuture
from pynamodb.transactions import TransactGet

from sitewatch import clock, settings, tables, user_status
from sitewatch.caching import ExpiringCache
from sitewatch.callers import Caller
from sitewatch.observability import logger
from sitewatch.tables import Model, Record, TableMeta, TimeAttribute
from sitewatch.user_status import UserStatus

KIND = "api_token"
_CACHE_SECONDS = 30.0
_NOTE_USE_EVERY = timedelta(hours=1)


class ApiTokenRecord(Model):
    """An active API token. Revoking deletes the record; after expiry, DynamoDB's time to live does.

    All records are in one partition, ordered by id: administrators create a few, and list them. The token itself has
    its scopes and its source too; these here are for the list.
    """

    class Meta(TableMeta):
        table_name = settings.text("API_TOKENS_TABLE")

    kind = UnicodeAttribute(hash_key=True, default=KIND)
    id = UnicodeAttribute(range_key=True)
    name = UnicodeAttribute()
    created_by = UnicodeAttribute()
    key_id = UnicodeAttribute(null=True)
    """The ``kid`` of the key that signed it, to know when that key is no longer needed."""
    scopes = UnicodeSetAttribute(null=True)
    """``None``: issued before there were scopes, with all of them."""
    source = UnicodeAttribute(null=True)
    created_at: datetime = TimeAttribute()  # type: ignore[assignment]
    last_used_at: datetime | None = TimeAttribute(null=True)  # type: ignore[assignment]
    expires_at = TTLAttribute()


_cache = ExpiringCache[bool](_CACHE_SECONDS)


def is_active(caller: Caller) -> bool:
    """Whether the API token exists, is not revoked, and its maker is neither disabled nor deleted.

    Cached for 30 s per function instance.
    """
    return _cache.get(caller.token_id, lambda: _read(caller))


def _read(caller: Caller) -> bool:
    token, maker = _read_both(caller.token_id, caller.created_by) if caller.created_by else _read_one(caller.token_id)
    if token is None or (maker is not None and maker.is_out):
        return False
    _note_use(token)
    return True


def _read_both(token_id: str, created_by: str) -> tuple[ApiTokenRecord | None, UserStatus | None]:
    """The token and its maker's status, in one call."""
    with TransactGet(connection=tables.connection()) as transaction:
        token = transaction.get(ApiTokenRecord, KIND, token_id)
        maker = transaction.get(UserStatus, created_by)
    return _found(token), _found(maker)


def _read_one(token_id: str) -> tuple[ApiTokenRecord | None, UserStatus | None]:
    """The same for a token from before tokens named their maker: two calls."""
    token = next(ApiTokenRecord.query(KIND, ApiTokenRecord.id == token_id, consistent_read=True), None)
    return token, user_status.read(token.created_by) if token else None


def _found(future: _ModelFuture[Record]) -> Record | None:
    try:
        return future.get()
    except DoesNotExist:
        return None


def _note_use(token: ApiTokenRecord) -> None:
    """Store that the token is in use, at most once an hour."""
    now = clock.now()
    if token.last_used_at is not None and now - token.last_used_at < _NOTE_USE_EVERY:
        return
    try:
        token.update(
            actions=[ApiTokenRecord.last_used_at.set(now)],  # type: ignore[union-attr]
            condition=ApiTokenRecord.id.exists()
            & (
                ApiTokenRecord.last_used_at.does_not_exist()  # type: ignore[union-attr]
                | (ApiTokenRecord.last_used_at <= now - _NOTE_USE_EVERY)  # type: ignore[operator]
            ),
        )
    except UpdateError as error:
        # Another instance has stored it, or the token has just been revoked. A failure must not stop a camera either.
        if error.cause_response_code != "ConditionalCheckFailedException":
            logger.warning("the use of an API token is not stored", token_id=token.id, error=error.cause_response_code)
