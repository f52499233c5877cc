"""Store, change and delete events."""

from collections.abc import Callable, Mapping, Sequence

from pynamodb.exceptions import UpdateError
from pynamodb.expressions.condition import Condition
from pynamodb.transactions import TransactWrite

from events.finding import find
from events.model import EventRecord, NewEvent
from sitewatch import audit, clock, settings
from sitewatch.attempts import Attempt
from sitewatch.audit import Action
from sitewatch.callers import Caller, Origin
from sitewatch.errors import NOT_FOUND, TOO_MANY_REQUESTS, ApiError
from sitewatch.partitions import partition, write_shard
from sitewatch.retrying import attempts
from sitewatch.sources import source_of
from sitewatch.transactions import Fill, commit, rewrite
from sitewatch.versions import require_match

_WRITE_SHARDS = settings.integer("EVENT_WRITE_SHARDS")


def store(new: Sequence[NewEvent], attempt: Attempt, caller: Caller) -> list[str]:
    """Store all of ``new`` (up to 100) or none, once per ``attempt``, and return their ids in the same order.

    Raises
    ------
    ApiError
        403 if ``caller`` may not speak for the source of one of them.

    """
    sources = [source_of(caller, event.source) for event in new]
    event_ids = attempt.ids(len(new))
    records = [_record(*each, attempt) for each in zip(new, sources, event_ids, strict=True)]

    def fill(transaction: TransactWrite) -> None:
        for record in records:
            transaction.save(record, condition=EventRecord.id.does_not_exist())

    # If they already exist, an earlier delivery of the same request stored them.
    commit(fill)
    return event_ids


def _record(event: NewEvent, source: str, event_id: str, attempt: Attempt) -> EventRecord:
    shard = write_shard(event_id, _WRITE_SHARDS)
    return EventRecord(
        event_id,
        event_type=event.event_type,
        event_payload=event.event_payload,
        source=source,
        created_at=attempt.began_at,
        updated_at=attempt.began_at,
        version=1,
        time_partition=partition(shard),
        type_partition=partition(shard, event.event_type),
        source_partition=partition(shard, source),
    )


def change(event_id: str, fields: Mapping[str, str], if_match: str | None) -> EventRecord:
    """Set these fields of the event, if its current version matches ``If-Match``, and return the event.

    Raises
    ------
    ApiError
        404 if there is no such event, 412 if it does not match, 429 if others keep changing it at the same time.

    """

    def update(event: EventRecord, condition: Condition) -> None:
        event_type = fields.get("event_type", event.event_type)
        shard = write_shard(event_id, _WRITE_SHARDS)
        event.update(
            actions=[
                EventRecord.event_type.set(event_type),
                EventRecord.event_payload.set(fields.get("event_payload", event.event_payload)),
                EventRecord.type_partition.set(partition(shard, event_type)),
                EventRecord.updated_at.set(clock.now()),  # type: ignore[attr-defined]
                EventRecord.version.add(1),
            ],
            condition=condition,
        )

    return _write(event_id, if_match, update) if fields else _matching(event_id, if_match)


def delete(event_id: str, if_match: str | None, origin: Origin) -> None:
    """Delete the event, if its current version matches ``If-Match``. Raises the same errors as ``change``."""
    entry = audit.entry(origin, Action.EVENT_DELETED, event_id)
    attempted = False

    def prepare() -> Fill | None:
        nonlocal attempted
        try:
            event = _matching(event_id, if_match)
        except ApiError as error:
            if attempted and error.code is NOT_FOUND:
                return None  # deleted by the first attempt, whose response was lost
            raise
        attempted = True

        def fill(transaction: TransactWrite) -> None:
            transaction.delete(event, condition=EventRecord.version == event.version)
            audit.add(entry, transaction)

        return fill

    rewrite(prepare)


def _write(event_id: str, if_match: str | None, write: Callable[[EventRecord, Condition], object]) -> EventRecord:
    """Call ``write`` with the event and the condition that nobody else has changed it; retry if somebody has."""
    for _ in attempts():
        event = _matching(event_id, if_match)
        try:
            write(event, EventRecord.version == event.version)
            return event
        except UpdateError as error:
            if error.cause_response_code != "ConditionalCheckFailedException":
                raise
    raise ApiError(TOO_MANY_REQUESTS, "others keep changing this event")


def _matching(event_id: str, if_match: str | None) -> EventRecord:
    event = find(event_id)
    require_match(event.version, if_match)
    return event
