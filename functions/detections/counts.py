"""Read the counts of detections; ``counting`` writes them."""

from collections.abc import Iterator

from detections.model import CountRecord
from sitewatch.names import fold


def hours_counter(field: str = "", value: str = "") -> str:
    """The counter that counts by hour the detections with a ``value`` (folded) of a field, or without one all."""
    return f"hours#{field}#{value}" if field else "hours"


def totals(counter: str, *, after: str | None = None) -> Iterator[tuple[str, int]]:
    """The names and counts above zero of ``counter`` (for example ``make``), ordered by ``fold``, after a name."""
    # bounded: by the caller, which reads its page only
    found = CountRecord.query(counter, CountRecord.value > fold(after) if after else None)
    return ((count.spelling or count.value, int(count.total)) for count in found if count.total > 0)
