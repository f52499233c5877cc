"""Read the counts of detections; ``counting`` writes them."""

from collections.abc import Iterator

from detections.model import CountRecord


def hours_counter(field: str = "", value: str = "") -> str:
    """The counter that counts by hour the detections with a ``value`` (folded) of a field, or without one all."""
    return f"hours#{field}#{value}" if field else "hours"


def totals(counter: str, *, after: str | None = None) -> Iterator[CountRecord]:
    """The counts above zero of ``counter`` (for example ``make``), ordered by value, after a value."""
    condition = CountRecord.value > after if after else None
    return (count for count in CountRecord.query(counter, condition) if count.total > 0)
