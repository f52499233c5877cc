"""GET /incidents/{incident_id}: an incident with its evidence and history."""

from aws_lambda_powertools.event_handler import Response

from incidents import finding
from incidents.parameters import IncidentIdInPath
from incidents.views import ActOfHistory, Evidence, IncidentDetail
from sitewatch.api import Api
from sitewatch.errors import NOT_FOUND
from sitewatch.tables import views
from sitewatch.versions import versioned

app = Api(errors=[NOT_FOUND])


@app.get("/incidents/<incident_id>", summary="Get an incident", tags=["incidents"])
def get_incident(incident_id: IncidentIdInPath) -> Response[IncidentDetail]:
    """With the last 10 signals that matched, the leaves of the rule's pattern that matched them, and every act.

    Acts change its ``ETag``; what repeats does not.
    """
    found = finding.find_all(incident_id)
    detail = IncidentDetail(
        **IncidentDetail.fields_of(found.incident),
        evidence=[Evidence.model_validate(one) for one in found.evidence],
        history=views(ActOfHistory.of, found.acts),
    )
    return versioned(detail, found.incident.version)


handler = app.resolve
