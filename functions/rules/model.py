"""Stored records and API models of rules."""

from datetime import datetime
from typing import Any

from pydantic import Field
from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from rules.definition import Count, Mode, Severity
from rules.schedule import Schedule
from rules.signals import Kind
from sitewatch import settings
from sitewatch.clock import Timestamp
from sitewatch.models import BaseModel
from sitewatch.tables import JsonAttribute, Model, TableMeta, TimeAttribute

RULES = "rule"


class RuleRecord(Model):
    """A rule. ``version`` increases with every change."""

    class Meta(TableMeta):
        table_name = settings.text("RULES_TABLE")

    kind = UnicodeAttribute(hash_key=True, default=RULES)
    id = UnicodeAttribute(range_key=True)
    version = NumberAttribute()
    definition = JsonAttribute()
    created_at: datetime = TimeAttribute()  # type: ignore[assignment]
    updated_at: datetime = TimeAttribute()  # type: ignore[assignment]


class RulesRecord(Model):
    """How many rules there are, and how often they changed."""

    class Meta(TableMeta):
        table_name = settings.text("RULES_TABLE")

    kind = UnicodeAttribute(hash_key=True, default="rules")
    id = UnicodeAttribute(range_key=True, default="rules")
    total = NumberAttribute()
    revision = NumberAttribute()


class Rule(BaseModel):
    """A rule as clients see it."""

    id: str
    version: int
    created_at: Timestamp
    updated_at: Timestamp
    name: str
    on: Kind
    match: dict[str, Any] = Field(description="The pattern as it was sent.")
    count: Count | None
    hold: int
    schedule: Schedule | None
    per: str
    severity: Severity
    close_after: int | None
    mode: Mode
    text: str

    @classmethod
    def of(cls, record: RuleRecord) -> "Rule":
        return cls(
            id=record.id,
            version=int(record.version),
            created_at=record.created_at,
            updated_at=record.updated_at,
            **record.definition,
        )


class Rules(BaseModel):
    """A page of rules."""

    rules: list[Rule]
