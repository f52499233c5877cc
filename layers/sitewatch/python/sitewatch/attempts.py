"""The first attempt at a request, from which all of its ids derive.

``idempotency`` stores the result of a request that has finished. If a function is stopped halfway, the client's next
request runs again; with the time and name of the first attempt it derives the same ids and finds what was written.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from pynamodb.attributes import TTLAttribute, UnicodeAttribute
from pynamodb.exceptions import PutError

from sitewatch import clock, ids, settings
from sitewatch.api import Api
from sitewatch.idempotency import entry_prefix, request_name
from sitewatch.tables import Model, TableMeta, TimeAttribute

_KEEP = timedelta(hours=24)


class AttemptRecord(Model):
    """The time of the first attempt at a request with an ``Idempotency-Key``."""

    class Meta(TableMeta):
        table_name = settings.text("IDEMPOTENCY_TABLE")

    id = UnicodeAttribute(hash_key=True)
    began_at: datetime = TimeAttribute()  # type: ignore[assignment]
    expiration = TTLAttribute()


@dataclass(frozen=True, slots=True)
class Attempt:
    """The time of the first attempt at a request, and the unique name of the request."""

    began_at: datetime
    name: str

    @property
    def id(self) -> str:
        """The id of the one thing that the request creates: the same for every attempt."""
        return self.ids(1)[0]

    def ids(self, count: int) -> list[str]:
        """``count`` ordered ids for the things that the request creates: the same for every attempt."""
        return ids.consecutive_ids(ids.derived_id(self.began_at, self.name), count)


def first_attempt(app: Api) -> Attempt:
    """The first attempt at the current request: an earlier one with the same ``Idempotency-Key`` and body, or this one.

    Raises
    ------
    ApiError
        400 if the key is invalid.

    """
    began_at, name = clock.now(), request_name(app)
    if name is None:
        return Attempt(began_at, ids.new_id())
    entry = f"{entry_prefix(app.current_event.raw_event)}#attempt#{name}"
    return Attempt(remember(entry, began_at, _KEEP) or began_at, name)


def remember(entry: str, time: datetime, keep: timedelta) -> datetime | None:
    """Remember ``time`` under the id ``entry`` for as long as ``keep``, or return the time that it has already."""
    record = AttemptRecord(entry, began_at=time, expiration=time + keep)
    try:
        record.save(condition=AttemptRecord.id.does_not_exist() | (AttemptRecord.expiration < time))
    except PutError as error:
        if error.cause_response_code != "ConditionalCheckFailedException":
            raise
        return AttemptRecord.get(entry, consistent_read=True).began_at
    return None
