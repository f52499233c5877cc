"""Custom resource: create the example rules and describe the simulated sources, in stacks that simulate signals.

What is there stays as it is, and a rule that somebody has deleted stays deleted.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from rules import finding as rules
from rules import storing
from rules.definition import NewRule
from sitewatch import audit, clock, ids
from sitewatch.custom_resource import Outcome, respond
from sources import finding as sources
from sources import storing as describing
from sources.model import Description, SourceKind

_NIGHT_BEGINS = 22


def night_zone(now: datetime) -> str:
    """A time zone in which a night begins about now, so that a rule about nights has work at any time of the day."""
    hours = (_NIGHT_BEGINS - now.hour + 12) % 24 - 12
    return f"Etc/GMT{-hours:+d}" if hours else "Etc/GMT"  # the sign of these zones is the other way round


def _provide(properties: Mapping[str, str]) -> Outcome:
    examples = json.loads(Path(__file__).with_name("examples.json").read_text(encoding="utf-8"))
    for definition in examples["rules"]:
        if "schedule" in definition:
            definition["schedule"]["time_zone"] = night_zone(clock.now())
        rule_id = ids.derived_id(clock.EARLIEST, "example rule", definition["name"])
        if not rules.exists(rule_id):
            storing.create(NewRule.model_validate(definition), audit.DEPLOYMENT, rule_id=rule_id)
    for described in examples["sources"]:
        kind, name = SourceKind(described.pop("kind")), described.pop("name")
        if sources.stored(kind, name) is None:
            describing.describe(kind, name, Description.model_validate(described), None, audit.DEPLOYMENT)
    return Outcome("examples")


def handler(event: dict[str, object], context: object) -> None:
    respond(event, _provide)
