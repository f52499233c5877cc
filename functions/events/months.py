"""The months that have events, so that no query reads an empty month. ``registration`` records them."""

from events.model import MonthsRecord

ALL = "months"
"""The record of all events; for those of a type it is followed by ``#`` and the type."""


def newest_first(event_type: str | None) -> list[str]:
    """The months that may have events (of one type, or of any), newest first."""
    record_id = ALL if event_type is None else f"{ALL}#{event_type}"
    stored = next(MonthsRecord.query(record_id, consistent_read=True), None)
    return sorted(stored.months, reverse=True) if stored else []
