"""GET /detections: what the cameras saw, newest first."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query

from detections import partitions
from detections.listing import Selection, page
from detections.model import Detection
from detections.publishing import view
from detections.report import Name
from sitewatch.api import Api
from sitewatch.clock import Timestamp
from sitewatch.errors import invalid_field
from sitewatch.paging import Limit, Skip, Start, decode_cursor, encode_cursor, paged

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
    """The link to the next page carries ``start``: it costs the same however deep it is.

    One request reads a bounded number of detections. Where a rare combination of ``make`` and
    ``category`` is not among them, the answer has fewer than ``limit``, and a link to go on with.
    """
    selection = Selection(make, category, since, until)
    before = decode_cursor(start) if start else None
    if before is not None and not partitions.is_position(before):
        raise invalid_field("start", "not a cursor that this API gave")
    found, resume = page(selection, skip=skip, before=before, limit=limit)
    query = app.current_event.query_string_parameters
    kept: dict[str, object] = {
        name: query[name] for name in ("limit", "from", "to", "make", "category") if name in query
    }
    next_page: dict[str, object] | None = (
        {**kept, "skip": resume.skip or None, "start": encode_cursor(resume.before)} if resume else None
    )
    return paged([view(detection) for detection in found], next_page)


handler = app.resolve
