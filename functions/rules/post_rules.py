"""POST /rules: create a rule."""

from aws_lambda_powertools.event_handler import Response

from rules import storing
from rules.definition import NewRule
from rules.model import Rule
from sitewatch.api import ADMINS, Api
from sitewatch.errors import CONFLICT, TOO_MANY_REQUESTS
from sitewatch.versions import versioned

app = Api(access=ADMINS, errors=[CONFLICT, TOO_MANY_REQUESTS])


@app.post("/rules", status_code=201, summary="Create a rule", tags=["rules"])
def create_rule(rule: NewRule) -> Response[Rule]:
    """With the ``ETag`` to send as ``If-Match`` when changing it. There are at most 100 rules."""
    record = storing.create(rule, app.origin)
    return versioned(Rule.of(record), record.version, status=201)


handler = app.resolve
