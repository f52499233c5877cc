"""GET /alerts: suspicious detections as they become known, as Server-Sent Events.

The managed runtime cannot stream. A response ends as soon as it has an alert, and the client reconnects with the last
id that it has seen, which every EventSource does by itself.
"""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Header, Query

from alerts import log, waiting
from alerts.server_sent_events import format_alerts, parse_event_id
from sitewatch.api import Api
from sitewatch.errors import TOO_MANY_REQUESTS

_MAX_ALERTS = 1000

app = Api(errors=[TOO_MANY_REQUESTS])


@app.get(
    "/alerts",
    summary="Watch alerts",
    tags=["alerts"],
    responses={200: {"description": "Alerts", "content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
def watch_alerts(
    last_event_id: Annotated[
        str | None, Header(alias="Last-Event-ID", description="The id of the last alert seen; others are ignored.")
    ] = None,
    wait: Annotated[float, Query(ge=0, le=25, description="Seconds to wait for an alert.")] = 20,
    replay: Annotated[int, Query(ge=0, le=_MAX_ALERTS, description="Past alerts to send on a first connection.")] = 50,
) -> Response[str]:
    """``text/event-stream``: the last ``replay`` alerts, those after ``Last-Event-ID``, or the next ones.

    A caller may have ten requests waiting at once; another one is a 429.
    """
    head = log.head()
    seen = parse_event_id(last_event_id)
    if seen is None or seen > head:  # a first connection, or one to a log that started again
        seen = max(head - replay, 0)
    if head == seen and wait:
        head = waiting.next_head(seen, wait, caller=app.require_caller().subject)
    alerts = log.after(seen, until=head, limit=_MAX_ALERTS)
    return Response(
        status_code=200,
        content_type="text/event-stream; charset=utf-8",
        body=format_alerts(alerts, seen=seen),
        headers={"Cache-Control": "no-store"},
    )


handler = app.resolve
