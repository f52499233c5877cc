"""Find incidents, with their evidence and history."""

from dataclasses import dataclass, field
from typing import Any

from incidents.model import (
    ACTIVE,
    INCIDENT,
    MAX_ACTS,
    ActRecord,
    EvidenceRecord,
    IncidentRecord,
    StateRecord,
    partitions_of,
)
from sitewatch import ids
from sitewatch.errors import NOT_FOUND, ApiError


@dataclass(slots=True)
class Found:
    """An incident with its last signals and its acts, oldest first."""

    incident: IncidentRecord
    evidence: list[dict[str, Any]] = field(default_factory=list)
    acts: list[ActRecord] = field(default_factory=list)


def find(incident_id: str) -> IncidentRecord:
    """The incident with this id.

    Raises
    ------
    ApiError
        404 if there is none.

    """
    key = IncidentRecord.item == INCIDENT
    found = next(IncidentRecord.query(incident_id, key, consistent_read=True), None) if ids.is_id(incident_id) else None
    if found is None:
        raise ApiError(NOT_FOUND)
    return found


def find_all(incident_id: str) -> Found:
    """The incident with this id, its evidence and its history. Raises the 404 of ``find``."""
    found = Found(find(incident_id))
    acts = ActRecord.query(incident_id, ActRecord.item.startswith("act#"), consistent_read=True, limit=MAX_ACTS)
    found.acts = sorted(acts, key=lambda act: act.item)
    found.evidence = evidence_of(found.incident)
    return found


def evidence_of(incident: IncidentRecord) -> list[dict[str, Any]]:
    """The last signals of an incident: of an active one they are in the state that it opened from."""
    if incident.is_active:
        state = state_of(incident)
        return list(state.evidence) if state else []
    stored = next(EvidenceRecord.query(incident.id, EvidenceRecord.item == "evidence", limit=1), None)
    return list(stored.signals) if stored else []


def has_act(act: ActRecord) -> bool:
    """Whether the act is stored."""
    return next(ActRecord.query(act.id, ActRecord.item == act.item, consistent_read=True, limit=1), None) is not None


def state_of(incident: IncidentRecord) -> StateRecord | None:
    """The state of the rule that the incident opened from, or ``None`` if it has expired."""
    return next(StateRecord.query(incident.cause, consistent_read=True, limit=1), None)


def causes_of_rule(rule_id: str, limit: int) -> list[str]:
    """The states that opened the active incidents of a rule: up to ``limit`` of those in each state."""
    found = []
    for state in ACTIVE:
        partition = partitions_of(state, rule_id=rule_id, source=None, assignee=None)["rule_partition"]
        found += [incident.cause for incident in IncidentRecord.by_rule.query(partition, limit=limit)]
    return found
