"""GET /api/data: list data points, oldest first."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query

from datapoints.listing import page
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

    The link to the next page uses ``cursor``, which costs the same on every page. A response reads a bounded number of
    points, so with a large ``skip`` a page may have fewer than ``limit`` and still link to a next page.
    """
    only_valid = app.require_caller().role is not Role.ADMIN
    after = decode_cursor(cursor, field="cursor") if cursor else None
    if after is not None and not is_position(after):
        raise invalid_field("cursor", "not a cursor from this API")
    found, resume = page(start, end, only_valid=only_valid, skip=skip, after=after, limit=limit)
    query = app.current_event.query_string_parameters
    kept: dict[str, object] = {name: query[name] for name in ("limit", "end") if name in query}
    next_page: dict[str, object] | None = (
        {**kept, "skip": resume.skip or None, "cursor": encode_cursor(resume.after)} if resume else None
    )
    return paged(views(DataPoint.of, found), next_page)


handler = app.resolve
