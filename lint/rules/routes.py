"""E9006: nobody comes in without a token but where it has been decided."""

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
"""What the code says of who may call: tests hold it against the code, so that nothing of it is imported here."""
ROUTE = re.compile(r"execute-api:.*/\$\{__Stage__\}/(?P<method>[A-Z]+)(?P<path>/.*)$")
"""Of the permission that SAM gives API Gateway for each route."""


def _in_arn(path: str) -> str:
    """A path as a permission's ARN has it: with a star for each parameter."""
    return re.sub(r"{\w+}", "*", path)


ALLOWED = {(method, _in_arn(path)) for method, path in PUBLIC}


class PublicRoutesAreDecided(CloudFormationLintRule):
    """A route that needs no token is in lint/public_routes.py."""

    id = "E9006"
    shortdesc = "A public route is named in the allow list"
    description = "A route that docs/openapi.json shows without security, or not at all, is in lint/public_routes.py."
    source_url = "docs/production.md#the-templates-rules"

    def match(self, cfn: Template) -> list[RuleMatch]:
        """The routes that answer anyone and are not meant to."""
        return [
            RuleMatch(["Resources", name, "Properties"], f"{method} {path} needs no token and is not in the allow list")
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
    """Whether every way to call the route that the document shows has a token in it."""
    for documented, operations in _document()["paths"].items():
        if _in_arn(documented) == path and method.lower() in operations:
            schemes = operations[method.lower()].get("security", [])
            return bool(schemes) and {} not in schemes
    return False
