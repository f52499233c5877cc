"""GET /incidents: list incidents, newest first."""

from typing import Annotated, Literal

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query

from incidents.listing import Filters, page
from incidents.model import ACTIVE, IncidentState
from incidents.views import Incident, Incidents
from sitewatch.api import Api
from sitewatch.clock import QueryTime
from sitewatch.errors import invalid_field
from sitewatch.ids import UlidText
from sitewatch.names import SourceName
from sitewatch.paging import Limit, Start, decode_cursor, encode_cursor, paged
from sitewatch.partitions import is_position
from sitewatch.tables import views

app = Api()


@app.get("/incidents", summary="List incidents, newest first", tags=["incidents"])
def list_incidents(
    start: Start = None,
    limit: Limit = 100,
    state: Annotated[
        IncidentState | Literal["active"] | None, Query(description="Only in this state; `active`: not closed.")
    ] = None,
    severity: Annotated[Literal["info", "warning", "critical"] | None, Query(description="Only this severe.")] = None,
    rule: Annotated[UlidText | None, Query(description="Only of the rule with this id.")] = None,
    source: Annotated[SourceName | None, Query(description="Only of this source.")] = None,
    assignee: Annotated[str | None, Query(min_length=1, max_length=64, description="Only of this user.")] = None,
    since: Annotated[QueryTime | None, Query(alias="from", description="Opened then or later.")] = None,
    until: Annotated[QueryTime | None, Query(alias="to", description="Opened then or earlier.")] = None,
) -> Response[Incidents]:
    """The link to the next page contains ``start``; every page costs the same, however many incidents are closed.

    With several filters a page may have fewer than ``limit``, even none, and still link to a next page.
    """
    before = decode_cursor(start) if start else None
    if before is not None and not is_position(before):
        raise invalid_field("start", "not a cursor from this API")
    states = () if state is None else ACTIVE if state == "active" else (IncidentState(state),)
    filters = Filters(states, rule, source, assignee, severity)
    found, last = page(filters, since, until, before=before, limit=limit)
    query = app.current_event.query_string_parameters
    kept: dict[str, object] = {name: value for name, value in query.items() if name != "start"}
    return paged(
        Incidents(incidents=views(Incident.of, found)), {**kept, "start": encode_cursor(last)} if last else None
    )


handler = app.resolve
