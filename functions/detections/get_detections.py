"""GET /detections: list detections, newest first."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query

from detections.listing import Selection, page
from detections.model import Detection
from sitewatch.api import Api
from sitewatch.clock import QueryTime
from sitewatch.errors import invalid_field
from sitewatch.names import Name, SourceName
from sitewatch.paging import Limit, Skip, Start, decode_cursor, encode_cursor, paged
from sitewatch.partitions import is_position
from sitewatch.tables import views

app = Api()


@app.get("/detections", summary="List detections, newest first", tags=["detections"])
def list_detections(
    skip: Skip = 0,
    limit: Limit = 100,
    since: Annotated[QueryTime | None, Query(alias="from", description="The earliest time, inclusive.")] = None,
    until: Annotated[QueryTime | None, Query(alias="to", description="The latest time, inclusive.")] = None,
    make: Annotated[Name | None, Query(description="Only this make, in any letter case.")] = None,
    category: Annotated[Name | None, Query(description="Only this category, in any letter case.")] = None,
    source: Annotated[SourceName | None, Query(description="Only from this source.")] = None,
    start: Start = None,
) -> Response[list[Detection]]:
    """The link to the next page contains ``start``; every page costs the same, no matter how deep it is.

    A response reads a bounded number of detections, so a page may have fewer than ``limit``, even none, and still link
    to a next page: with a combination of ``make``, ``source`` and ``category``, or a large ``skip``.
    """
    selection = Selection.of(make=make, source=source, category=category, since=since, until=until)
    before = decode_cursor(start) if start else None
    if before is not None and not is_position(before):
        raise invalid_field("start", "not a cursor from this API")
    found, resume = page(selection, skip=skip, before=before, limit=limit)
    query = app.current_event.query_string_parameters
    kept: dict[str, object] = {
        name: query[name] for name in ("limit", "from", "to", "make", "category", "source") if name in query
    }
    next_page: dict[str, object] | None = (
        {**kept, "skip": resume.skip or None, "start": encode_cursor(resume.after)} if resume else None
    )
    return paged(views(Detection.of, found), next_page)


handler = app.resolve
