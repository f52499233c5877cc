"""The months that have events, so that no query reads an empty month."""

from events.model import MonthsRecord

_ALL = "months"
_registered: set[tuple[str, str]] = set()


def register(month: str, event_types: set[str]) -> None:
    """Record that ``month`` may have events of these types. Call it before storing them, so that a list misses none."""
    for record_id in {_ALL, *(f"{_ALL}#{event_type}" for event_type in event_types)}:
        if (record_id, month) not in _registered:
            MonthsRecord(record_id).update(actions=[MonthsRecord.months.add({month})])
            _registered.add((record_id, month))


def newest_first(event_type: str | None) -> list[str]:
    """The months that may have events (of one type, or of any), newest first."""
    record_id = _ALL if event_type is None else f"{_ALL}#{event_type}"
    stored = next(MonthsRecord.query(record_id, consistent_read=True), None)
    return sorted(stored.months, reverse=True) if stored else []
