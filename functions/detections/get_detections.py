"""GET /detections: what the cameras saw, newest first."""

from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query
from detections.listing import Selection, newest_first
from detections.model import Detection, Name
from detections.publishing import view

from sitewatch.api import Api
from sitewatch.clock import Timestamp
from sitewatch.paging import Limit, Skip, Start, decode_cursor, encode_cursor, page_of, paged

app = Api()


@app.get("/detections", summary="List detections, newest first", tags=["detections"])
def list_detections(
    skip: Skip = 0,
    limit: Limit = 100,
    since: Annotated[Timestamp | None, Query(alias="from", description="The earliest time, inclusive.")] = None,
    until: Annotated[Timestamp | None, Query(alias="to", description="The latest time, inclusive.")] = None,
    make: Annotated[Name | None, Query(description="This make only, exactly.")] = None,
    category: Annotated[Name | None, Query(description="This category only, exactly.")] = None,
    start: Start = None,
) -> Response[list[Detection]]:
    """The link to the next page carries ``start`` instead of ``skip``: it costs the same however deep it is."""
    selection = Selection(make, category, since, until)
    before = decode_cursor(start) if start else None
    found, more = page_of(newest_first(selection, skip=skip, before=before, page_size=limit + 1), limit)
    next_page = {
        "start": encode_cursor(found[-1].position),
        "limit": limit,
        "from": app.current_event.query_string_parameters.get("from"),
        "to": app.current_event.query_string_parameters.get("to"),
        "make": make,
        "category": category,
    } if more else None
    return paged([view(detection) for detection in found], next_page)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
