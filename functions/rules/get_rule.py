"""GET /rules/{rule_id}: get a rule."""

from aws_lambda_powertools.event_handler import Response

from rules.finding import find
from rules.model import Rule
from rules.parameters import RuleIdInPath
from sitewatch.api import Api
from sitewatch.errors import NOT_FOUND
from sitewatch.versions import versioned

app = Api(errors=[NOT_FOUND])


@app.get("/rules/<rule_id>", summary="Get a rule", tags=["rules"])
def get_rule(rule_id: RuleIdInPath) -> Response[Rule]:
    """With the ``ETag`` to send as ``If-Match`` when changing it."""
    record = find(rule_id)
    return versioned(Rule.of(record), record.version)


handler = app.resolve
