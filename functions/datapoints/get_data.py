"""GET /api/data: list data points, oldest first."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query

from datapoints.listing import Selection, page
from datapoints.model import DataPoint
from sitewatch.api import Api
from sitewatch.callers import Role
from sitewatch.clock import QueryTime
from sitewatch.errors import invalid_field
from sitewatch.paging import Limit, Skip, Start, decode_cursor, encode_cursor, paged
from sitewatch.partitions import is_position
from sitewatch.tables import views

app = Api()


@app.get("/api/data", summary="List data points, oldest first", tags=["datapoints"])
def list_data_points(
    start: Annotated[QueryTime | None, Query(description="The earliest time, inclusive.")] = None,
    end: Annotated[QueryTime | None, Query(description="The latest time, inclusive.")] = None,
    skip: Skip = 0,
    limit: Limit = 100,
    cursor: Start = None,
) -> Response[list[DataPoint]]:
    """Users get valid points only, admins get all points.

    The link to the next page uses ``cursor``, which costs the same on every page.
    """
    is_admin = app.require_caller().role is Role.ADMIN
    selection = Selection(("valid", "invalid") if is_admin else ("valid",), start, end)
    after = decode_cursor(cursor, field="cursor") if cursor else None
    if after is not None and not is_position(after):
        raise invalid_field("cursor", "not a cursor from this API")
    found, last = page(selection, skip=skip, after=after, limit=limit)
    query = app.current_event.query_string_parameters
    kept: dict[str, object] = {name: query[name] for name in ("limit", "end") if name in query}
    return paged(views(DataPoint.of, found), {**kept, "cursor": encode_cursor(last)} if last is not None else None)


handler = app.resolve
