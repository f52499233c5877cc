"""DELETE /rules/{rule_id}: delete a rule."""

from aws_lambda_powertools.event_handler import Response

from rules import changing
from rules.parameters import RuleIdInPath
from sitewatch.api import ADMINS, Api
from sitewatch.errors import NOT_FOUND, PRECONDITION_FAILED, TOO_MANY_REQUESTS
from sitewatch.versions import IfMatch

app = Api(access=ADMINS, errors=[NOT_FOUND, PRECONDITION_FAILED, TOO_MANY_REQUESTS])


@app.delete("/rules/<rule_id>", status_code=204, summary="Delete a rule", tags=["rules"])
def delete_rule(rule_id: RuleIdInPath, if_match: IfMatch = None) -> Response[None]:
    """For good, and its open incidents close. The audit log keeps that it existed."""
    changing.delete(rule_id, if_match, app.origin)
    return Response(status_code=204)


handler = app.resolve
