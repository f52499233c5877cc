"""Trying a rule on stored signals: the request and the job."""

from datetime import timedelta
from typing import Annotated

from pydantic import ConfigDict, Field, ValidationInfo, field_validator

from rules.definition import NewRule
from rules.signals import Kind
from sitewatch.clock import Timestamp
from sitewatch.jobs import Kind as JobKind
from sitewatch.models import BaseModel

TRIAL = JobKind("rule_trial", "Rule Trial", 10098)

MAX_SPAN = timedelta(days=31)
MAX_SIGNALS = 200_000


class Trial(BaseModel):
    """A rule, and the time whose signals to try it on (both ends inclusive)."""

    model_config = ConfigDict(extra="forbid")

    rule: NewRule
    since: Timestamp = Field(alias="from")
    until: Annotated[Timestamp, Field(alias="to", description="At most 31 days later.")]

    @field_validator("rule")
    @classmethod
    def _is_about_what_is_kept(cls, rule: NewRule) -> NewRule:
        if rule.on is Kind.SILENCE:
            raise ValueError("silences are not kept, so a rule about them cannot be tried")
        return rule

    @field_validator("until")
    @classmethod
    def _is_after(cls, until: Timestamp, info: ValidationInfo) -> Timestamp:
        since = info.data.get("since")
        if since is not None and not since < until <= since + MAX_SPAN:
            raise ValueError("after `from`, by at most 31 days")
        return until
