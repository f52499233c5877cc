"""Store, find, change and delete events."""

import time
from collections.abc import Mapping, Sequence

from pynamodb.exceptions import DeleteError, PynamoDBException, UpdateError
from pynamodb.expressions.condition import Condition
from pynamodb.transactions import TransactWrite

from events import partitions
from events.model import EventRecord, NewEvent
from sitewatch import clock, ids
from sitewatch.attempts import Attempt
from sitewatch.delivery import ATTEMPTS, pause_before
from sitewatch.errors import NOT_FOUND, PRECONDITION_FAILED, TOO_MANY_REQUESTS, ApiError
from sitewatch.transactions import commit


def store(new: Sequence[NewEvent], attempt: Attempt) -> list[str]:
    """Store all of ``new`` (up to 100) or none, once for each attempt, and give their ids, in their order."""
    event_ids = attempt.ids(len(new))
    month = partitions.month(attempt.began_at)
    partitions.enter(month, {event.event_type for event in new})
    records = [_record(event, event_id, month, attempt) for event, event_id in zip(new, event_ids, strict=True)]

    def fill(transaction: TransactWrite) -> None:
        for record in records:
            transaction.save(record, condition=EventRecord.id.does_not_exist())

    # Where they exist already, an earlier attempt has stored them.
    commit(fill)
    return event_ids


def _record(event: NewEvent, event_id: str, month: str, attempt: Attempt) -> EventRecord:
    shard = partitions.write_shard(event_id)
    return EventRecord(
        event_id,
        event_type=event.event_type,
        event_payload=event.event_payload,
        created_at=attempt.began_at,
        updated_at=attempt.began_at,
        version=1,
        time_partition=partitions.partition(month, shard),
        type_partition=partitions.partition(month, shard, event.event_type),
    )


def find(event_id: str) -> EventRecord:
    """The event with this id.

    Raises
    ------
    ApiError
        404 where there is none.

    """
    # The table's other items have names that are no ids.
    found = next(EventRecord.query(event_id, consistent_read=True), None) if ids.is_id(event_id) else None
    if found is None:
        raise ApiError(NOT_FOUND)
    return found


def etag(event: EventRecord) -> str:
    """The entity tag of an event's current version (RFC 9110, section 8.8.3)."""
    return f'"{int(event.version)}"'


def change(event_id: str, fields: Mapping[str, str], if_match: str | None) -> EventRecord:
    """Give the event these values, if it is one that ``If-Match`` names.

    Raises
    ------
    ApiError
        404 where there is none; 412 where it has changed since; 429 where others kept on changing it meanwhile.

    """
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(pause_before(attempt))
        event = _matching(event_id, if_match)
        if not fields:
            return event
        event_type = fields.get("event_type", event.event_type)
        month, shard = partitions.month(event.created_at), partitions.write_shard(event_id)
        partitions.enter(month, {event_type})
        try:
            event.update(
                actions=[
                    EventRecord.event_type.set(event_type),
                    EventRecord.event_payload.set(fields.get("event_payload", event.event_payload)),
                    EventRecord.type_partition.set(partitions.partition(month, shard, event_type)),
                    EventRecord.updated_at.set(clock.now()),  # type: ignore[attr-defined]
                    EventRecord.version.add(1),
                ],
                condition=_unchanged(event),
            )
            return event
        except UpdateError as error:
            _has_changed_or_raise(error)
    raise ApiError(TOO_MANY_REQUESTS, "others kept on changing this event")


def delete(event_id: str, if_match: str | None) -> None:
    """Delete the event, if it is one that ``If-Match`` names; errors are those of ``change``."""
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(pause_before(attempt))
        event = _matching(event_id, if_match)
        try:
            event.delete(condition=_unchanged(event))
            return
        except DeleteError as error:
            _has_changed_or_raise(error)
    raise ApiError(TOO_MANY_REQUESTS, "others kept on changing this event")


def _matching(event_id: str, if_match: str | None) -> EventRecord:
    event = find(event_id)
    if if_match is not None and {"*", etag(event)}.isdisjoint(tag.strip() for tag in if_match.split(",")):
        raise ApiError(PRECONDITION_FAILED, "the event has changed since")
    return event


def _unchanged(event: EventRecord) -> Condition:
    return EventRecord.version == event.version


def _has_changed_or_raise(error: PynamoDBException) -> None:
    """Return where it was another writer that the condition did not hold for."""
    if error.cause_response_code != "ConditionalCheckFailedException":
        raise error
