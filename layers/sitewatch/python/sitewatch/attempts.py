"""When a request was first tried, so that what it makes has the same ids however often it comes.

``idempotency`` remembers the answer of a request that has ended. One that ended half-way, because its
function did, comes again as if it were new: with its first time and name it finds what it had made.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from pynamodb.attributes import TTLAttribute, UnicodeAttribute
from pynamodb.exceptions import PutError
from pynamodb.models import Model

from sitewatch import clock, ids, settings
from sitewatch.api import Api
from sitewatch.idempotency import key_of, scope_of
from sitewatch.tables import TableMeta, TimeAttribute

_REMEMBER = timedelta(hours=24)


class AttemptRecord(Model):
    """When a request with an ``Idempotency-Key`` was first tried."""

    class Meta(TableMeta):
        table_name = settings.text("IDEMPOTENCY_TABLE")

    id = UnicodeAttribute(hash_key=True)
    began_at: datetime = TimeAttribute()  # type: ignore[assignment]
    expiration = TTLAttribute()


@dataclass(frozen=True, slots=True)
class Attempt:
    """When a request was first tried, and its name, which no other request has."""

    began_at: datetime
    name: str

    @property
    def id(self) -> str:
        """The id of the one thing that the request makes: the same at every attempt."""
        return self.ids(1)[0]

    def ids(self, count: int) -> list[str]:
        """``count`` ids for what the request makes, in order: the same at every attempt."""
        return ids.consecutive_ids(ids.derived_id(self.began_at, self.name), count)


def attempt_of(app: Api) -> Attempt:
    """The first attempt at the current request: this one, unless its ``Idempotency-Key`` and body came before.

    Raises
    ------
    ApiError
        400 where the key is not good.

    """
    began_at = clock.now()
    key = key_of(app)
    if key is None:
        return Attempt(began_at, ids.new_id())
    what = json.dumps([*scope_of(app), key, app.current_event.body])
    name = hashlib.sha256(what.encode("utf-8", "surrogatepass")).hexdigest()
    mark = AttemptRecord(f"attempt#{name}", began_at=began_at, expiration=began_at + _REMEMBER)
    try:
        mark.save(condition=AttemptRecord.id.does_not_exist() | (AttemptRecord.expiration < began_at))
    except PutError as error:
        if error.cause_response_code != "ConditionalCheckFailedException":
            raise
        return Attempt(AttemptRecord.get(mark.id, consistent_read=True).began_at, name)
    return Attempt(began_at, name)
