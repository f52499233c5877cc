"""DELETE /api/event/{event_id}: delete an event."""

from aws_lambda_powertools.event_handler import Response

from events import storing
from events.responses import EventIdInPath
from sitewatch.api import ADMINS, Api
from sitewatch.errors import NOT_FOUND, PRECONDITION_FAILED, TOO_MANY_REQUESTS
from sitewatch.versions import IfMatch

app = Api(access=ADMINS, errors=[NOT_FOUND, PRECONDITION_FAILED, TOO_MANY_REQUESTS])


@app.delete("/api/event/<event_id>", status_code=204, summary="Delete an event", tags=["events"])
def delete_event(event_id: EventIdInPath, if_match: IfMatch = None) -> Response[None]:
    """Deletion is permanent."""
    storing.delete(event_id, if_match, app.origin)
    return Response(status_code=204)


handler = app.resolve
