"""Find and list sources, each with its state as it is now."""

from collections.abc import Iterator
from datetime import datetime

from sitewatch import clock
from sitewatch.errors import NOT_FOUND, ApiError
from sitewatch.names import MAX_LENGTH
from sitewatch.tables import MAX_REQUESTS
from sources.model import SourceKind, SourceRecord, SourceState

_PAGE = 1000
_BATCH = 100
"""DynamoDB gets at most so many items by their keys at once."""


def find(kind: SourceKind, name: str) -> SourceRecord:
    """The source of this kind and name.

    Raises
    ------
    ApiError
        404 if there is none.

    """
    record = stored(kind, name)
    if record is None:
        raise ApiError(NOT_FOUND)
    return as_of(record, clock.now())


def stored(kind: SourceKind, name: str) -> SourceRecord | None:
    """The source as it is stored, or ``None``."""
    if len(name) > MAX_LENGTH:
        return None  # DynamoDB refuses keys of more than 1,024 bytes, also in queries.
    return next(SourceRecord.query(kind.value, SourceRecord.name == name, consistent_read=True, limit=1), None)


def as_of(record: SourceRecord, now: datetime) -> SourceRecord:
    """The source with the deadlines that have passed, which the next tick will store."""
    while record.due is not None and record.due <= now:
        record.pass_deadline()
    return record


def page(
    *, kind: SourceKind | None, state: SourceState | None, zone: str | None, after: tuple[str, str] | None, limit: int
) -> tuple[list[SourceRecord], tuple[str, str] | None]:
    """Up to ``limit`` sources by kind and name, and the kind and name to continue after, if there may be more."""
    found: list[SourceRecord] = []
    now, last = clock.now(), after
    # Without a state, a page needs no more than its own sources and one that shows that there are more.
    page_size = limit + 1 if state is None else _PAGE
    reads = _of(kind, after, page_size) if zone is None else _in(zone, kind, after, page_size)
    for _ in range(MAX_REQUESTS):
        records = next(reads, None)
        if records is None:
            return found, None
        for record in (as_of(each, now) for each in records):
            if state is None or record.state == state:
                if len(found) == limit:
                    return found, last
                found.append(record)
            last = record.kind, record.name
    return found, last


def _of(kind: SourceKind | None, after: tuple[str, str] | None, page_size: int) -> Iterator[list[SourceRecord]]:
    """The sources of a kind, or of all, after a kind and name: what each request reads."""
    for each in sorted(SourceKind) if kind is None else [kind]:
        if after is not None and each.value < after[0]:
            continue
        name = after[1] if after is not None and each.value == after[0] else None
        # bounded: by the caller
        query = SourceRecord.query(
            each.value, SourceRecord.name > name if name is not None else None, page_size=page_size
        )
        for items in query.page_iter:
            yield [SourceRecord.from_raw_data(item) for item in items["Items"]]


def _in(
    zone: str, kind: SourceKind | None, after: tuple[str, str] | None, page_size: int
) -> Iterator[list[SourceRecord]]:
    """The sources in a zone after a kind and name: what each request reads, which is nothing if it reads keys."""
    start = max("/".join(after or ()), f"{kind}/" if kind else "")
    # bounded: by the caller
    query = SourceRecord.by_zone.query(zone, SourceRecord.zone_position > start if start else None, page_size=page_size)
    for items in query.page_iter:
        keys = [(item["kind"]["S"], item["name"]["S"]) for item in items["Items"]]
        wanted = [key for key in keys if kind in (None, key[0])]
        yield []
        for first in range(0, len(wanted), _BATCH):
            found = SourceRecord.batch_get(wanted[first : first + _BATCH])
            records = [record for record in found if record.zone == zone]
            yield sorted(records, key=lambda record: (record.kind, record.name))
        if wanted != keys:
            return  # The keys are in order, so others of this kind do not follow.


def zones(kind: SourceKind) -> dict[str, str]:
    """The zones of the sources of a kind, by name: of the first 10,000 or so."""
    found: dict[str, str] = {}
    after: tuple[str, str] | None = None
    for _ in range(MAX_REQUESTS):
        sources, after = page(kind=kind, state=None, zone=None, after=after, limit=_PAGE)
        found |= {source.name: source.zone for source in sources if source.zone}
        if after is None:
            break
    return found
