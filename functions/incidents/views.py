"""API models of incidents and acts."""

from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError, ValidationError

from incidents.model import MAX_SNOOZE, Act, ActRecord, CloseReason, IncidentRecord, IncidentState
from sitewatch import clock
from sitewatch.clock import Timestamp
from sitewatch.ids import UlidText
from sitewatch.models import BaseModel


class NewAct(BaseModel):
    """What somebody does to an incident."""

    model_config = ConfigDict(extra="forbid")

    act: Literal[Act.ACKNOWLEDGE, Act.ASSIGN, Act.NOTE, Act.SNOOZE, Act.CLOSE, Act.REOPEN]
    note: Annotated[str, StringConstraints(strict=True, min_length=1, max_length=2000)] | None = Field(
        None, description="Kept in the history, with any act."
    )
    assignee: Annotated[str, StringConstraints(strict=True, min_length=1, max_length=64)] | None = Field(
        None, description="For `assign`: a username; null assigns it to nobody."
    )
    until: Timestamp | None = Field(None, description="For `snooze`: when it ends, at most 30 days ahead.")
    reason: Literal[CloseReason.REAL, CloseReason.FALSE_ALARM, CloseReason.TEST] | None = Field(
        None, description="For `close`; `real` by default."
    )

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> Self:
        for name, act in (("assignee", Act.ASSIGN), ("until", Act.SNOOZE), ("reason", Act.CLOSE)):
            if name in self.model_fields_set and self.act is not act:
                raise _problem(name, f"only for {act}")
        for name, act in (("assignee", Act.ASSIGN), ("until", Act.SNOOZE), ("note", Act.NOTE)):
            if self.act is act and (
                name not in self.model_fields_set or (name != "assignee" and not getattr(self, name))
            ):
                raise _problem(name, f"needed to {act}")
        if self.until is not None and not clock.now() < self.until <= clock.now() + MAX_SNOOZE:
            raise _problem("until", "a time in the next 30 days")
        return self

    def detail(self) -> dict[str, Any]:
        """What the history keeps besides the note."""
        return self.model_dump(mode="json", include={"until", "reason"}, exclude_none=True)


def _problem(name: str, message: str) -> ValidationError:
    error = PydanticCustomError("act", "{message}", {"message": message})
    return ValidationError.from_exception_data("NewAct", [InitErrorDetails(type=error, loc=(name,), input=None)])


class NewActs(NewAct):
    """The same act for several incidents."""

    ids: Annotated[list[UlidText], Field(min_length=1, max_length=100)]


class RuleOfIncident(BaseModel):
    """The version of the rule that opened an incident."""

    id: str
    name: str
    version: int


class Incident(BaseModel):
    """An incident as clients see it. People are named by their usernames."""

    id: str
    number: int
    rule: RuleOfIncident
    severity: str
    state: IncidentState
    subject: str | None = Field(description="The value of the rule's `per`; null for a rule with one incident in all.")
    title: str
    source: str | None
    zone: str | None
    opened_at: Timestamp
    last_at: Timestamp
    occurrences: int
    acknowledged_by: str | None
    assignee: str | None
    snoozed_until: Timestamp | None
    closed_at: Timestamp | None
    closed_by: str | None = Field(description="Null if it closed by itself.")
    close_reason: CloseReason | None
    shadow: bool

    @classmethod
    def of(cls, record: IncidentRecord) -> "Incident":
        return cls(**cls.fields_of(record))

    @classmethod
    def fields_of(cls, record: IncidentRecord) -> dict[str, Any]:
        """The fields of an incident's record."""
        rule = RuleOfIncident(id=record.rule_id, name=record.rule_name, version=int(record.rule_version))
        own = {name: getattr(record, name) for name in Incident.model_fields if name != "rule"}
        return {"rule": rule, **own}


class Incidents(BaseModel):
    """A page of incidents."""

    incidents: list[Incident]


class MatchedLeaf(BaseModel):
    """A part of a rule's pattern that matched, and the value that it matched."""

    leaf: str
    value: str | int | float | bool | None


class Evidence(BaseModel):
    """A signal that matched, and why."""

    at: Timestamp
    rule_version: int
    fields: dict[str, Any]
    matched: list[MatchedLeaf]


class ActOfHistory(BaseModel):
    """An act in an incident's history."""

    at: Timestamp
    by: str | None = Field(description="A username; null for Sitewatch itself.")
    act: Act
    note: str | None
    detail: dict[str, Any]

    @classmethod
    def of(cls, record: ActRecord) -> "ActOfHistory":
        return cls(**{name: getattr(record, name) for name in cls.model_fields})


class IncidentDetail(Incident):
    """An incident with its last signals and its history, both oldest first."""

    evidence: list[Evidence]
    history: list[ActOfHistory]


class Refused(BaseModel):
    """An incident that an act was not done to, and why."""

    id: str
    code: int
    subcode: int
    error: str
    detail: str


class ActsDone(BaseModel):
    """Which incidents an act was done to."""

    done: list[str]
    refused: list[Refused]
