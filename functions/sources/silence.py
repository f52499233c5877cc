"""Find the sources from which no signal has come for too long."""

from collections.abc import Iterator
from datetime import datetime

from pynamodb.exceptions import PutError

from sitewatch import clock
from sitewatch.due import due_by
from sources import finding
from sources.model import SourceKind, SourceRecord


def due(until: datetime) -> Iterator[tuple[datetime, SourceKind, str]]:
    """The sources that will be late or silent by then, and when, earliest first: at most 10,000."""
    for item in due_by(SourceRecord.by_due, SourceRecord.due, until):
        yield clock.parse(item["due"]["S"]), SourceKind(item["kind"]["S"]), item["name"]["S"]


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
