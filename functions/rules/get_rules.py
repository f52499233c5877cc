"""GET /rules: list rules, oldest first."""

from aws_lambda_powertools.event_handler import Response

from rules.finding import oldest_first
from rules.model import Rule, RuleRecord, Rules
from sitewatch.api import Api
from sitewatch.ids import UlidText
from sitewatch.paging import Limit, paged
from sitewatch.tables import page, views

app = Api()


@app.get("/rules", summary="List rules, oldest first", tags=["rules"])
def list_rules(start: UlidText | None = None, limit: Limit = 100) -> Response[Rules]:
    """``start`` is the id of the last rule on the previous page."""
    found, end = page(RuleRecord, oldest_first(start, limit + 1), limit)
    return paged(Rules(rules=views(Rule.of, found)), {"start": end, "limit": limit} if end else None)


handler = app.resolve
