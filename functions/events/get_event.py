"""GET /api/event/{event_id}: one event."""

from aws_lambda_powertools.event_handler import Response

from events import storing
from events.answers import EventIdInPath, event_answer
from events.model import Event
from sitewatch.api import Api
from sitewatch.errors import NOT_FOUND

app = Api(errors=[NOT_FOUND])


@app.get("/api/event/<event_id>", summary="Get an event", tags=["events"])
def get_event(event_id: EventIdInPath) -> Response[Event]:
    """With its ``ETag``, to change it with ``If-Match``."""
    return event_answer(storing.find(event_id))


handler = app.resolve
