"""What is due soon."""

from collections.abc import Iterator
from datetime import datetime

from incidents.model import StateRecord
from sitewatch import clock
from sitewatch.deadlines import DUE, TICK, Deadline
from sitewatch.tables import query_page
from sources import silence

_MAX_PAGES = 10
_PAGE = 1000


def due(now: datetime) -> Iterator[Deadline]:
    """What is due before the next tick, of each kind earliest first: at most 10,000, the others at the next tick."""
    for at, kind, name in silence.due(now + TICK):
        yield at, f"source#{kind}#{name}"
    # bounded: by the pages below
    found = StateRecord.by_due.query(DUE, StateRecord.due <= now + TICK, page_size=_PAGE)
    for _ in range(_MAX_PAGES):
        page = query_page(found)
        yield from ((clock.parse(item["due"]["S"]), item["id"]["S"]) for item in page["Items"])
        if "LastEvaluatedKey" not in page:
            return
