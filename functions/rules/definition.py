"""A rule as an administrator writes it."""

import re
from enum import StrEnum
from typing import Annotated, Any

from pydantic import ConfigDict, Field, StringConstraints, ValidationInfo, field_validator
from pydantic_core import InitErrorDetails, PydanticCustomError, ValidationError

from rules.pattern import BoundedMatch, Match
from rules.schedule import Schedule
from rules.signals import FIELDS, LISTS, VALUES, Kind
from sitewatch.models import BaseModel
from sitewatch.names import PLAIN

_DAY = 24 * 60 * 60
_FIELD_IN_TEXT = re.compile(r"{([^{}]*)}")


class Severity(StrEnum):
    """How much an incident matters."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class Mode(StrEnum):
    """What a rule does: open incidents, open them for its author only, or nothing."""

    LIVE = "live"
    SHADOW = "shadow"
    OFF = "off"


class Count(BaseModel):
    """So many matches within so many seconds."""

    model_config = ConfigDict(strict=True, extra="forbid")

    at_least: int = Field(ge=1, le=100)
    within: int = Field(ge=1, le=_DAY, description="Seconds.")


class NewRule(BaseModel):
    """A rule as an administrator writes it. The types are strict, and unknown keys are refused."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, StringConstraints(strict=True, min_length=1, max_length=100, pattern=PLAIN)]
    on: Kind = Field(description="The kind of signal that the rule watches.")
    match: BoundedMatch = Field(
        description=(
            "An EventBridge event pattern over the fields of these signals: at most 8 KiB, 4 patterns deep, 200 values."
        )
    )
    count: Count | None = None
    hold: Annotated[int, Field(strict=True, ge=0, le=_DAY)] = Field(
        0, description="Seconds for which a value (data point, occupancy, silence) must have matched."
    )
    schedule: Schedule | None = None
    per: Annotated[str, StringConstraints(strict=True, max_length=20)] = Field(
        "source", description="`source`, `zone`, `rule`, or another field: one open incident for each of its values."
    )
    severity: Severity = Severity.WARNING
    close_after: Annotated[int, Field(strict=True, ge=1, le=30 * _DAY)] | None = Field(
        None, description="Quiet seconds after which an incident closes by itself."
    )
    mode: Mode = Mode.LIVE
    text: Annotated[str, StringConstraints(strict=True, max_length=200, pattern=PLAIN)] = Field(
        "{source}",
        min_length=1,
        description="An incident's title, with fields in braces.",
        examples=["{make} at {source}"],
    )

    @field_validator("match")
    @classmethod
    def _has_fields_of_its_kind(cls, match: Match, info: ValidationInfo) -> Match:
        kind = info.data.get("on")
        if kind is None:  # invalid, and reported already
            return match
        problem = PydanticCustomError("unknown_field", "not a field of this kind of signal")
        errors = [InitErrorDetails(type=problem, loc=place, input=None) for place in match.unknown_fields(FIELDS[kind])]
        if errors:
            raise ValidationError.from_exception_data(cls.__name__, errors)
        return match

    @field_validator("hold")
    @classmethod
    def _holds_a_value_without_a_count(cls, hold: int, info: ValidationInfo) -> int:
        if hold and info.data.get("on") not in VALUES:
            raise ValueError("only values hold: a data point, an occupancy or a silence")
        if hold and info.data.get("count"):
            raise ValueError("either count or hold")
        return hold

    @field_validator("per")
    @classmethod
    def _is_per_a_field(cls, per: str, info: ValidationInfo) -> str:
        kind = info.data.get("on")
        if kind is not None and per not in (FIELDS[kind] | {"rule"}) - LISTS:
            raise ValueError("not a field of this kind of signal")
        return per

    @field_validator("text")
    @classmethod
    def _names_fields_of_its_kind(cls, text: str, info: ValidationInfo) -> str:
        kind = info.data.get("on")
        if kind is not None and set(_FIELD_IN_TEXT.findall(text)) - FIELDS[kind]:
            raise ValueError("a name in braces is not a field of this kind of signal")
        return text

    def to_json(self) -> dict[str, Any]:
        """The rule as it is stored, and as clients see it."""
        return {**self.model_dump(mode="json", by_alias=True, exclude={"match"}), "match": self.match.to_json()}
