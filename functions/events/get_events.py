"""GET /api/event: list events, newest first."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query

from events.listing import newest_first
from events.model import Event, Events
from sitewatch.api import Api
from sitewatch.ids import UlidText
from sitewatch.paging import Limit, paged
from sitewatch.tables import views

app = Api()


@app.get("/api/event", summary="List events, newest first", tags=["events"])
def list_events(
    start: UlidText | None = None,
    limit: Limit = 100,
    event_type: Annotated[
        str | None, Query(min_length=1, max_length=255, description="Only this type (exact match).")
    ] = None,
) -> Response[Events]:
    """``start`` is the id of the last event of the previous page.

    A page of very long events may have fewer than ``limit`` and still link to a next page.
    """
    found, last = newest_first(event_type, start, limit)
    next_page = {"start": last, "limit": limit, "event_type": event_type} if last is not None else None
    return paged(Events(events=views(Event.of, found)), next_page)


handler = app.resolve
