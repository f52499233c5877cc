"""Find the sources from which no signal has come for too long."""

from collections.abc import Iterator
from datetime import datetime

from pynamodb.exceptions import PutError

from sitewatch import clock
from sitewatch.tables import query_page
from sources import finding
from sources.model import DUE, SourceKind, SourceRecord

_MAX_PAGES = 10
_PAGE = 1000


def due(until: datetime) -> Iterator[tuple[datetime, SourceKind, str]]:
    """The sources that will be late or silent by then, and when, earliest first: at most 10,000."""
    # bounded: by the pages below
    found = SourceRecord.by_due.query(DUE, SourceRecord.due <= until, page_size=_PAGE)
    for _ in range(_MAX_PAGES):
        page = query_page(found)
        for item in page["Items"]:
            yield clock.parse(item["due"]["S"]), SourceKind(item["kind"]["S"]), item["name"]["S"]
        if "LastEvaluatedKey" not in page:
            return


def expire(kind: SourceKind, name: str, now: datetime) -> None:
    """Store that a source is late or silent, if it is so now. The table's stream carries the change as a signal.

    If a signal of the source comes at the same time, that one wins.
    """
    source = finding.stored(kind, name)
    while source is not None and source.due is not None and source.due <= now:
        unchanged = source.unchanged()
        source.pass_deadline()
        try:
            source.save(condition=unchanged)
        except PutError as error:
            if error.cause_response_code != "ConditionalCheckFailedException":
                raise
            return
