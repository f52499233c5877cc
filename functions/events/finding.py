"""Find an event by its id."""

from events.model import EventRecord
from sitewatch import ids
from sitewatch.errors import NOT_FOUND, ApiError


def find(event_id: str) -> EventRecord:
    """The event with this id.

    Raises
    ------
    ApiError
        404 if there is none.

    """
    # The keys of the table's other items are not valid ids.
    found = next(EventRecord.query(event_id, consistent_read=True), None) if ids.is_id(event_id) else None
    if found is None:
        raise ApiError(NOT_FOUND)
    return found
