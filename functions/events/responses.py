"""Parameters and responses that several endpoints share."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path

from events.model import Event, EventRecord
from sitewatch.versions import versioned

EventIdInPath = Annotated[str, Path(max_length=64)]


def event_response(event: EventRecord) -> Response[Event]:
    """The event, with the ``ETag`` to send as ``If-Match`` when changing it."""
    return versioned(Event.of(event), event.version)
