"""GET /api/event: list events, newest first."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query

from events.listing import Filters, page
from events.model import Event, Events
from sitewatch.api import Api
from sitewatch.ids import UlidText
from sitewatch.names import normalize
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
    source: Annotated[str | None, Query(min_length=1, max_length=64, description="Only of this source.")] = None,
) -> Response[Events]:
    """``start`` is the id of the last event of the previous page."""
    filters = Filters(event_type, None if source is None else normalize(source))
    found, last = page(filters, start, limit)
    next_page = {"start": last, "limit": limit, "event_type": event_type, "source": source} if last else None
    return paged(Events(events=views(Event.of, found)), next_page)


handler = app.resolve
