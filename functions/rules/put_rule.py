"""PUT /rules/{rule_id}: replace a rule."""

from aws_lambda_powertools.event_handler import Response

from rules import changing
from rules.definition import NewRule
from rules.model import Rule
from rules.parameters import RuleIdInPath
from sitewatch.api import ADMINS, Api
from sitewatch.errors import NOT_FOUND, PRECONDITION_FAILED, TOO_MANY_REQUESTS
from sitewatch.versions import IfMatch, versioned

app = Api(access=ADMINS, errors=[NOT_FOUND, PRECONDITION_FAILED, TOO_MANY_REQUESTS])


@app.put("/rules/<rule_id>", summary="Replace a rule", tags=["rules"])
def replace_rule(rule_id: RuleIdInPath, rule: NewRule, if_match: IfMatch = None) -> Response[Rule]:
    """Its version increases by one. Open incidents stay; holds and counts begin anew."""
    record = changing.change(rule_id, rule, if_match, app.origin)
    return versioned(Rule.of(record), record.version)


handler = app.resolve
