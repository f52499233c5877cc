"""GET /sources: list sources."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query

from sitewatch.api import Api
from sitewatch.errors import invalid_field
from sitewatch.names import SourceName
from sitewatch.paging import Limit, Start, decode_cursor, encode_cursor, paged
from sitewatch.tables import views
from sources import finding
from sources.model import Source, SourceKind, Sources, SourceState

app = Api()


@app.get("/sources", summary="List sources, by kind and name", tags=["sources"])
def list_sources(
    start: Start = None,
    limit: Limit = 100,
    kind: Annotated[SourceKind | None, Query(description="Only of this kind.")] = None,
    state: Annotated[SourceState | None, Query(description="Only in this state.")] = None,
    zone: Annotated[SourceName | None, Query(description="Only in this zone.")] = None,
) -> Response[Sources]:
    """The link to the next page contains ``start``. With filters a page may have fewer than ``limit``, even none."""
    after_kind, slash, after_name = decode_cursor(start).partition("/") if start else ("", "", "")
    if start and not (slash and after_name and after_kind in set(SourceKind)):
        raise invalid_field("start", "not a cursor from this API")
    after = (after_kind, after_name) if start else None
    found, last = finding.page(kind=kind, state=state, zone=zone, after=after, limit=limit)
    link = (
        {"start": encode_cursor("/".join(last)), "limit": limit, "kind": kind, "state": state, "zone": zone}
        if last
        else None
    )
    return paged(Sources(sources=views(Source.of, found)), link)


handler = app.resolve
