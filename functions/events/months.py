"""The months that have events, so that no query reads an empty month. ``registration`` records them."""

from events.model import MonthsRecord

ALL = "months"
"""The id of the record of all events."""


def id_of_type(event_type: str) -> str:
    """The id of the record of the events of a type."""
    return f"{ALL}#{event_type}"


def id_of_source(source: str) -> str:
    """The id of the record of the events of a source."""
    return f"source-months#{source}"


def newest_first(record_id: str) -> list[str]:
    """The months that the record with this id has, newest first."""
    stored = next(MonthsRecord.query(record_id, consistent_read=True), None)
    return sorted(stored.months, reverse=True) if stored else []
