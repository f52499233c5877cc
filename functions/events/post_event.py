"""POST /api/event: receive events from devices."""

from typing import Annotated, Any

from aws_lambda_powertools.event_handler.openapi.params import Body
from pydantic import BeforeValidator, Field

from events import storing
from events.model import NewEvent, Receipt
from sitewatch.api import ALL_ROLES, Api
from sitewatch.attempts import first_attempt
from sitewatch.callers import Scope
from sitewatch.idempotency import once
from sitewatch.models import RootModel

_MAX_BODY_BYTES = 512 * 1024
_MAX_EVENTS = 100

app = Api(accepts_list=True, access=ALL_ROLES.for_scope(Scope.EVENTS), max_body_bytes=_MAX_BODY_BYTES)


def _as_list(body: object) -> object:
    return body if isinstance(body, list) else [body]


_Several = Annotated[list[NewEvent], Field(min_length=1, max_length=_MAX_EVENTS)]


class NewEvents(
    RootModel[
        Annotated[
            _Several,
            BeforeValidator(_as_list, json_schema_input_type=NewEvent | _Several),
        ]
    ]
):
    """One event, or a list of them.

    A root model, because the resolver passes on only the first entry of any other annotated list.
    """


@app.post("/api/event", summary="Send events", tags=["events"])
def receive_events(events: Annotated[NewEvents, Body()]) -> Receipt | list[Receipt]:
    """One event, or a list of up to 100. If one is invalid, the error names its index and nothing is stored."""
    caller = app.require_caller()

    def store() -> dict[str, Any]:
        return {"ids": storing.store(events.root, first_attempt(app), caller)}

    receipts = [Receipt(id=event_id) for event_id in once(app, store)["ids"]]
    is_list = (app.current_event.decoded_body or "").lstrip().startswith("[")
    return receipts if is_list else receipts[0]


handler = app.resolve
