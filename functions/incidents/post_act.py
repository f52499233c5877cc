"""POST /incidents/{incident_id}/acts: acknowledge, assign, snooze, close or reopen an incident, or add a note."""

from typing import Any

from aws_lambda_powertools.event_handler import Response

from incidents import acts, finding
from incidents.acts import Actor
from incidents.parameters import IncidentIdInPath
from incidents.views import Incident, NewAct
from sitewatch.api import Api
from sitewatch.attempts import first_attempt
from sitewatch.errors import CONFLICT, NOT_FOUND, PRECONDITION_FAILED, TOO_MANY_REQUESTS
from sitewatch.idempotency import once
from sitewatch.versions import IfMatch, versioned

app = Api(errors=[CONFLICT, NOT_FOUND, PRECONDITION_FAILED, TOO_MANY_REQUESTS])


@app.post("/incidents/<incident_id>/acts", summary="Act on an incident", tags=["incidents"])
def act_on_incident(incident_id: IncidentIdInPath, act: NewAct, if_match: IfMatch = None) -> Response[Incident]:
    """If somebody else has done the same already, a 409 says who and when. Anybody may act; every act is kept."""

    def do() -> dict[str, Any]:
        actor = Actor(app.require_caller(), app.origin, first_attempt(app).id)
        acts.act(incident_id, act, if_match, actor)
        return {}

    once(app, do)
    record = finding.find(incident_id)
    return versioned(Incident.of(record), record.version)


handler = app.resolve
