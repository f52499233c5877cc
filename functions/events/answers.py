"""Answers that several endpoints give, and what they take."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response, content_types
from aws_lambda_powertools.event_handler.openapi.params import Header, Path

from events import storing
from events.model import Event, EventRecord

EventIdInPath = Annotated[str, Path(max_length=64)]
IfMatch = Annotated[
    str | None,
    Header(alias="If-Match", max_length=1024, description="Do it only if the event still has this ETag; else 412."),
]


def event_answer(event: EventRecord) -> Response[Event]:
    """The event, and the ``ETag`` to send as ``If-Match`` with a change of it."""
    return Response(
        status_code=200,
        content_type=content_types.APPLICATION_JSON,
        body=Event.of(event),
        headers={"ETag": storing.etag(event), "Cache-Control": "no-store"},
    )
