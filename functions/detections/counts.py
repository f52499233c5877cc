"""Read the counts of detections; ``counting`` writes them."""

from collections.abc import Iterator, Mapping

from detections.model import CountRecord
from sitewatch.names import fold
from sitewatch.tables import query_page
from sitewatch.timeline import ALL, HOURS, MONTHS, counts_in


def months_counter(field: str = "", value: str = "") -> str:
    """The counter of the months of the detections with a ``value`` (folded) of a field, or without one of all."""
    return f"{MONTHS}#{field}#{value}" if field else MONTHS


def months(field: str = "", value: str = "") -> Mapping[str, int]:
    """The number of detections in each month: of those with a ``value`` (folded) of a field, or without one of all."""
    return _counts(months_counter(field, value), ALL)


def hours(month: str) -> Mapping[str, int]:
    """The number of detections in each day and hour of a month."""
    return _counts(HOURS, month)


def _counts(counter: str, value: str) -> Mapping[str, int]:
    found = query_page(CountRecord.query(counter, CountRecord.value == value, limit=1))["Items"]
    return counts_in(found[0]) if found else {}


def totals(counter: str, *, after: str | None = None) -> Iterator[tuple[str, int]]:
    """The names and counts above zero of ``counter`` (for example ``make``), ordered by ``fold``, after a name."""
    # bounded: by the caller, which reads its page only
    found = CountRecord.query(counter, CountRecord.value > fold(after) if after else None)
    return ((count.spelling or count.value, int(count.total)) for count in found if count.total > 0)
