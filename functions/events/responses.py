"""Parameters and responses that several endpoints share."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response, content_types
from aws_lambda_powertools.event_handler.openapi.params import Header, Path

from events.finding import etag
from events.model import Event, EventRecord

EventIdInPath = Annotated[str, Path(max_length=64)]
IfMatch = Annotated[
    str | None,
    Header(alias="If-Match", max_length=1024, description="Only if the event still has this ETag, otherwise 412."),
]


def event_response(event: EventRecord) -> Response[Event]:
    """The event, with the ``ETag`` to send as ``If-Match`` when changing it."""
    return Response(
        status_code=200,
        content_type=content_types.APPLICATION_JSON,
        body=Event.of(event),
        headers={"ETag": etag(event), "Cache-Control": "no-store"},
    )
