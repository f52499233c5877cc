"""Custom resource: create the rule about suspicious vehicles, unless it is there or somebody has deleted it.

What is suspicious is the template's parameter SuspiciousCategories: it marks detections when they are stored, and the
rule watches the mark. So a change of the parameter needs no change of the rule, and keeps what people made of it.
"""

from collections.abc import Mapping

from rules import finding, storing
from rules.definition import NewRule
from sitewatch import audit, clock, ids
from sitewatch.custom_resource import Outcome, respond

_RULE_ID = ids.derived_id(clock.EARLIEST, "rule of the deployment", "suspicious-vehicles")


def _provide(properties: Mapping[str, str]) -> Outcome:
    rule = NewRule.model_validate(
        {
            "name": properties["Name"],
            "on": "detection",
            "match": {"suspicious": [True]},
            "close_after": 120,
            "text": "{category} at {source}: {make} {model}",
        }
    )
    if not finding.exists(_RULE_ID):
        storing.create(rule, audit.DEPLOYMENT, rule_id=_RULE_ID)
    return Outcome(_RULE_ID)


def handler(event: dict[str, object], context: object) -> None:
    respond(event, _provide)
