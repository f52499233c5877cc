"""PATCH /api/event/{event_id}: change some fields of an event."""

from aws_lambda_powertools.event_handler import Response

from events import storing
from events.model import Event, EventChange
from events.responses import EventIdInPath, event_response
from sitewatch.api import Api
from sitewatch.errors import NOT_FOUND, PRECONDITION_FAILED, TOO_MANY_REQUESTS
from sitewatch.versions import IfMatch

app = Api(errors=[NOT_FOUND, PRECONDITION_FAILED, TOO_MANY_REQUESTS])


@app.patch("/api/event/<event_id>", summary="Change an event", tags=["events"])
def change_event(event_id: EventIdInPath, event: EventChange, if_match: IfMatch = None) -> Response[Event]:
    """Fields that are left out stay as they are."""
    return event_response(storing.change(event_id, event.model_dump(exclude_unset=True), if_match))


handler = app.resolve
