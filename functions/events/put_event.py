"""PUT /api/event/{event_id}: replace an event."""

from aws_lambda_powertools.event_handler import Response

from events import storing
from events.model import Event, NewEvent
from events.responses import EventIdInPath, event_response
from sitewatch.api import Api
from sitewatch.errors import NOT_FOUND, PRECONDITION_FAILED, TOO_MANY_REQUESTS
from sitewatch.versions import IfMatch

app = Api(errors=[NOT_FOUND, PRECONDITION_FAILED, TOO_MANY_REQUESTS])


@app.put("/api/event/<event_id>", summary="Replace an event", tags=["events"])
def replace_event(event_id: EventIdInPath, event: NewEvent, if_match: IfMatch = None) -> Response[Event]:
    """Its id and creation time stay."""
    return event_response(storing.change(event_id, event.model_dump(), if_match))


handler = app.resolve
