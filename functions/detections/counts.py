"""Read the counts of detections; ``counting`` writes them."""

from collections.abc import Iterator

from detections.model import CountRecord


def hours_counter(*, make: str | None = None, category: str | None = None) -> str:
    """The counter that counts by hour the detections of a make, of a category, or (without either) all."""
    if make is not None:
        return f"hours#make#{make}"
    if category is not None:
        return f"hours#category#{category}"
    return "hours"


def totals(counter: str, *, after: str | None = None) -> Iterator[tuple[str, int]]:
    """The counts above zero of ``counter`` (for example ``make``), ordered by value, after a value."""
    # bounded: by the caller, which reads its page only
    found = CountRecord.query(counter, CountRecord.value > after if after else None)
    return ((count.value, int(count.total)) for count in found if count.total > 0)
