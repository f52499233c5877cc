"""Read the counts of detections; ``counting`` writes them."""

from collections.abc import Mapping

from detections.model import CountRecord
from sitewatch.names import fold
from sitewatch.tables import page
from sitewatch.timeline import ALL, HOURS, MINUTES, MONTHS, read_counts

MAX_TOTALS = 5000
"""The most counts in a response: of the longest names, more do not fit."""


def counter_of(periods: str, field: str = "", value: str = "") -> str:
    """The counter of the periods of detections with a ``value`` (folded) of a field, or without one of all.

    ``periods`` are ``MONTHS``, ``HOURS`` or ``MINUTES``.
    """
    return f"{periods}#{field}#{value}" if field else periods


def months(field: str = "", value: str = "") -> Mapping[str, int]:
    """The number of detections in each month: of those with a ``value`` (folded) of a field, or without one of all."""
    return read_counts(CountRecord, counter_of(MONTHS, field, value), ALL)


def hours(month: str, field: str = "", value: str = "") -> Mapping[str, int]:
    """The number of detections in each day and hour of a month, of those that ``counting`` counts by hour."""
    return read_counts(CountRecord, counter_of(HOURS, field, value), month)


def minutes(hour: str, field: str = "", value: str = "") -> Mapping[str, int]:
    """The number of detections in each minute of an hour (``2026-11-22T06``), of those counted by minute."""
    return read_counts(CountRecord, counter_of(MINUTES, field, value), hour)


def totals(counter: str, *, after: str | None = None) -> tuple[dict[str, int], str | None]:
    """The counts above zero of ``counter`` (for example ``make``) by name, ordered by ``fold``, after a name.

    Up to ``MAX_TOTALS``, and the name to continue after, if there are more.
    """
    values = CountRecord.value > fold(after) if after else None
    query = CountRecord.query(counter, values, CountRecord.total > 0, limit=MAX_TOTALS + 1)
    found, end = page(CountRecord, query, MAX_TOTALS, sort_key="value")
    return {count.spelling or count.value: int(count.total) for count in found}, end
