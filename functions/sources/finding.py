"""Find and list sources, each with its state as it is now."""

from datetime import datetime

from sitewatch import clock
from sitewatch.errors import NOT_FOUND, ApiError
from sitewatch.names import MAX_LENGTH
from sitewatch.tables import MAX_REQUESTS, query_page
from sources.model import SourceKind, SourceRecord, SourceState

_PAGE = 1000


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
    requests, now, last = 0, clock.now(), after
    # Without filters, a page needs no more than its own sources and one that shows that there are more.
    page_size = limit + 1 if state is None and zone is None else _PAGE
    for each in sorted(SourceKind) if kind is None else [kind]:
        if after is not None and each.value < after[0]:
            continue
        name = after[1] if after is not None and each.value == after[0] else None
        # bounded: by the requests below
        query = SourceRecord.query(
            each.value, SourceRecord.name > name if name is not None else None, page_size=page_size
        )
        more = True
        while more:
            if requests == MAX_REQUESTS:
                return found, last
            items = query_page(query)
            requests += 1
            for item in items["Items"]:
                record = as_of(SourceRecord.from_raw_data(item), now)
                if (state is None or record.state == state) and (zone is None or record.zone == zone):
                    if len(found) == limit:
                        return found, last
                    found.append(record)
                last = record.kind, record.name
            more = "LastEvaluatedKey" in items
    return found, None


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
