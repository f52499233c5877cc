"""GET /api/event/{event_id}: get an event."""

from aws_lambda_powertools.event_handler import Response

from events.finding import find
from events.model import Event
from events.responses import EventIdInPath, event_response
from sitewatch.api import Api
from sitewatch.errors import NOT_FOUND

app = Api(errors=[NOT_FOUND])


@app.get("/api/event/<event_id>", summary="Get an event", tags=["events"])
def get_event(event_id: EventIdInPath) -> Response[Event]:
    """With the ``ETag`` to send as ``If-Match`` when changing it."""
    return event_response(find(event_id))


handler = app.resolve
