"""E9006: public routes are on an allow list."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from cfnlint.rules import CloudFormationLintRule, RuleMatch
from cfnlint.template import Template

from lint.public_routes import PUBLIC
from lint.reading import of_type, properties

DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "openapi.json"
"""Shows who may call each route. Tests keep it in sync with the code, so this module imports no function."""
ROUTE = re.compile(r"execute-api:.*/\$\{__Stage__\}/(?P<method>[A-Z]+)(?P<path>/.*)$")
"""Matches the permission that SAM creates for API Gateway to call a route."""


def _in_arn(path: str) -> str:
    """Return the path as permissions' ARNs contain it, with ``*`` for each parameter."""
    return re.sub(r"{\w+}", "*", path)


ALLOWED = {(method, _in_arn(path)) for method, path in PUBLIC}


class PublicRoutesAreOnTheAllowList(CloudFormationLintRule):
    """Every route that needs no token is listed in lint/public_routes.py."""

    id = "E9006"
    shortdesc = "A public route is on the allow list"
    description = "Routes without security in docs/openapi.json, or missing from it, must be in lint/public_routes.py."
    source_url = "docs/production.md#the-templates-rules"

    def match(self, cfn: Template) -> list[RuleMatch]:
        """Return the public routes that are not on the allow list."""
        return [
            RuleMatch(
                ["Resources", name, "Properties"], f"{method} {path} needs no token, but is not on the allow list"
            )
            for name, permission in of_type(cfn.template, "AWS::Lambda::Permission")
            for method, path in _routes(properties(permission).get("SourceArn"))
            if method != "OPTIONS" and (method, path) not in ALLOWED and not _needs_token(method, path)
        ]


def _routes(source: Any) -> list[tuple[str, str]]:
    match source:
        case {"Fn::Sub": [str(text), {**variables}]} if "__Stage__" in variables:
            found = ROUTE.search(text)
            return [(found["method"], found["path"])] if found else []
    return []


@cache
def _document() -> Any:
    return json.loads(DOCUMENT.read_text(encoding="utf-8"))


def _needs_token(method: str, path: str) -> bool:
    """Whether every documented way to call the route needs a token."""
    for documented, operations in _document()["paths"].items():
        if _in_arn(documented) == path and method.lower() in operations:
            schemes = operations[method.lower()].get("security", [])
            return bool(schemes) and {} not in schemes
    return False
