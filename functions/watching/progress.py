"""What signals and deadlines change: the state of a rule, and the incidents that open, repeat and close."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from pynamodb.expressions.update import Action as UpdateAction
from pynamodb.transactions import TransactWrite

from incidents.model import (
    INCIDENT,
    MAX_EVIDENCE,
    STATE_KEPT,
    Act,
    ActRecord,
    CloseReason,
    EvidenceRecord,
    IncidentRecord,
    IncidentState,
    StateRecord,
    moved,
    partitions_of,
    state_id,
)
from rules.definition import Mode, NewRule
from rules.evaluation import Closed, CompiledRule, Effect, Opened, Repeated, State, deadline, evaluate, expire
from rules.signals import Signal
from sitewatch import clock, ids
from sitewatch.due import DUE
from sitewatch.partitions import position

_SHARD_KEPT = timedelta(hours=25)
_FIELD = re.compile(r"{(\w+)}")
_MAX_TITLE = 300


@dataclass(slots=True)
class Draft:
    """What happens to one incident. ``opened`` is there if it is new, ``closed`` if it ends."""

    id: str
    opened: Opened | None = None
    closed_at: datetime | None = None
    reason: CloseReason | None = None
    repeats: int = 0
    last_at: datetime | None = None
    evidence: list[dict[str, Any]] = field(default_factory=list)

    @property
    def writes(self) -> int:
        """The items that it writes: itself, an act for its opening, an act and its evidence for its end."""
        return 1 + (self.opened is not None) + 2 * (self.closed_at is not None)


class Progress:
    """The state of a rule for one value of its ``per``, while signals and deadlines change it.

    ``rule`` is ``None`` if it was deleted.
    """

    def __init__(self, rule: CompiledRule | None, rule_id: str, key: str, stored: StateRecord | None) -> None:
        self.rule = rule
        self.rule_id = rule_id
        self.record = stored or StateRecord(state_id(rule_id, key))
        self.state = _state_of(self.record)
        self.drafts: list[Draft] = []
        self.is_changed = False
        self.reached: int | None = None
        self._acts = 0
        self._evidence: list[Signal | dict[str, Any]] = list(self.record.evidence)

    @property
    def writes(self) -> int:
        """The items that it writes."""
        return 1 + sum(draft.writes for draft in self.drafts)

    @property
    def deadline(self) -> datetime | None:
        """When it changes next without a signal."""
        return deadline(self.rule, self.state) if self.rule else None

    def has_applied(self, shard: str, number: int) -> bool:
        """Whether the signal at this position in the shard is applied."""
        reached = self.record.reached.get(shard)
        return reached is not None and number <= reached[0]

    def apply(self, rule: CompiledRule, signal: Signal) -> None:
        """Apply a signal that concerns the rule."""
        before = self.state
        self.state, effects = evaluate(rule, before, signal)
        matches = is_new_evidence = not rule.is_value or rule.matches(signal)
        for effect in effects:
            if is_new_evidence and _is_of(signal, effect):
                self._add(signal)
                is_new_evidence = False
            self._take(effect)
        if is_new_evidence and self.state != before:
            self._add(signal)
        # A match that changes nothing is written too, so that it is not applied again after an edit of the rule.
        self.is_changed |= matches or self.state != before

    def expire(self, now: datetime) -> None:
        """Apply the deadlines up to ``now``. The incident closes if its rule is deleted or about something else now."""
        before = self.state
        if self.rule is None or self.record.scope not in (None, _scope(self.rule)):
            self.state = before._replace(since=None, matches=(), last_at=None)
            if before.is_open:
                self._close(now, CloseReason.RULE_CHANGED if self.rule else CloseReason.RULE_DELETED)
                self.state = self.state._replace(closed_at=now)
            self.is_changed = self.state != before or self.record.due is not None
            return
        self.state, effects = expire(self.rule, before, now)
        for effect in effects:
            self._take(effect)
        self.is_changed = self.state != before or self.record.due != self.deadline

    def reach(self, shard: str) -> None:
        """Note the position in the shard up to which signals are applied."""
        if self.reached is None:
            return
        now = clock.now()
        oldest = clock.sortable(now - _SHARD_KEPT)
        kept = {name: one for name, one in self.record.reached.items() if one[1] > oldest}
        self.record.reached = {**kept, shard: [self.reached, clock.sortable(now)]}

    def _add(self, signal: Signal) -> None:
        self._evidence = [*self._evidence[1 - MAX_EVIDENCE :], signal]

    def _take(self, effect: Effect) -> None:
        match effect:
            case Opened():
                self._evidence = [one for one in self._evidence if _time_of(one) >= effect.since]
                incident_id = ids.derived_id(effect.at, self.record.id, str(effect.number))
                self.record.incident_id = incident_id
                self.drafts.append(Draft(incident_id, effect, last_at=effect.at))
            case Repeated():
                draft = self._draft()
                draft.repeats += 1
                draft.last_at = self.state.last_at or draft.last_at
            case Closed():
                self._close(effect.at, CloseReason(effect.reason.value))

    def _draft(self) -> Draft:
        if not self.drafts or self.drafts[-1].id != self.record.incident_id:
            self.drafts.append(Draft(self.record.incident_id))
        return self.drafts[-1]

    def _close(self, at: datetime, reason: CloseReason) -> None:
        draft = self._draft()
        draft.closed_at, draft.reason, draft.evidence = at, reason, self._evidence_json()

    def _evidence_json(self) -> list[dict[str, Any]]:
        return [one if isinstance(one, dict) else self._explained(one) for one in self._evidence[-MAX_EVIDENCE:]]

    def _explained(self, signal: Signal) -> dict[str, Any]:
        leaves = self.rule.leaves(signal) if self.rule else []
        return {
            "at": clock.format_time(signal.at),
            "rule_version": self.rule.version if self.rule else 0,
            "fields": dict(signal.fields),
            "matched": [{"leaf": leaf, "value": value} for leaf, value in leaves],
        }

    # --- what is written ---

    def save(self, transaction: TransactWrite, last_number: int) -> int:
        """Add the state and its incidents to a transaction. Return the number of the last incident."""
        for draft in self.drafts:
            if draft.opened is not None:
                last_number += 1
                incident = self._incident(draft, last_number)
                transaction.save(incident, condition=IncidentRecord.id.does_not_exist())
                self.record.source, self.record.assignee = incident.source, None
                self._save_act(transaction, draft.id, draft.opened.at, Act.OPEN)
            else:
                self._update(transaction, draft)
            if draft.closed_at is not None and draft.reason is not None:
                self._save_act(transaction, draft.id, draft.closed_at, Act.CLOSE, reason=draft.reason.value)
                transaction.save(EvidenceRecord(draft.id, signals=draft.evidence))
        self._save_state(transaction)
        return last_number

    def _incident(self, draft: Draft, number: int) -> IncidentRecord:
        rule, opened = self.rule, draft.opened
        assert rule is not None and opened is not None  # noqa: S101, PT018 - only a rule opens incidents
        evidence = draft.evidence or self._evidence_json()
        fields: Mapping[str, Any] = evidence[-1]["fields"] if evidence else {}
        definition = rule.definition
        state = IncidentState.CLOSED if draft.closed_at else IncidentState.OPEN
        partitions: Mapping[str, Any] = partitions_of(
            state, rule_id=rule.id, source=fields.get("source"), assignee=None
        )
        return IncidentRecord(
            draft.id,
            number=number,
            version=1,
            cause=self.record.id,
            rule_id=rule.id,
            rule_name=definition.name,
            rule_version=rule.version,
            severity=definition.severity.value,
            state=state.value,
            subject=subject_of(definition, fields),
            title=title_of(definition.text, fields),
            source=fields.get("source"),
            zone=fields.get("zone"),
            opened_at=opened.at,
            last_at=draft.last_at,
            occurrences=opened.occurrences + draft.repeats,
            closed_at=draft.closed_at,
            close_reason=draft.reason,
            shadow=definition.mode is Mode.SHADOW,
            position=position(opened.at, draft.id),
            **partitions,
        )

    def _update(self, transaction: TransactWrite, draft: Draft) -> None:
        actions: list[UpdateAction] = [IncidentRecord.occurrences.add(draft.repeats)] if draft.repeats else []
        if draft.last_at is not None:
            actions.append(IncidentRecord.last_at.set(draft.last_at))  # type: ignore[attr-defined]
        if draft.closed_at is not None and draft.reason is not None:
            actions += [
                *moved(
                    IncidentState.CLOSED,
                    rule_id=self.rule_id,
                    source=self.record.source,
                    assignee=self.record.assignee,
                ),
                IncidentRecord.version.add(1),
                IncidentRecord.closed_at.set(draft.closed_at),
                IncidentRecord.close_reason.set(draft.reason.value),
                IncidentRecord.snoozed_until.remove(),
            ]
        transaction.update(IncidentRecord(draft.id, INCIDENT), actions=actions)

    def _save_act(self, transaction: TransactWrite, incident_id: str, at: datetime, act: Act, **detail: Any) -> None:
        # The history is in the order in which things were found out, which ``at`` need not be.
        first = ids.derived_id(clock.now(), self.record.id, str(self.record.version))
        item = f"act#{ids.consecutive_ids(first, self._acts + 1)[-1]}"
        self._acts += 1
        transaction.save(ActRecord(incident_id, item, at=at, act=act.value, detail=detail))

    def _save_state(self, transaction: TransactWrite) -> None:
        record, state = self.record, self.state
        record.rule_version, record.opened = state.version, state.opened
        record.scope = _scope(self.rule) if self.rule else None
        record.matches = [clock.sortable(time) for time in state.matches]
        record.since, record.newest = state.since, state.newest
        record.last_at, record.closed_at = state.last_at, state.closed_at
        record.evidence = self._evidence_json()
        record.due = self.deadline
        record.due_partition = DUE if record.due else None
        record.expires_at = None if state.is_open or record.due else clock.now() + STATE_KEPT
        record.save_next(transaction)


def subject_of(definition: NewRule, fields: Mapping[str, Any]) -> str | None:
    """What an incident is about: the value of its rule's ``per``, or ``None`` for a rule with one incident in all."""
    return None if definition.per == "rule" else _text(fields.get(definition.per))


def _is_of(signal: Signal, effect: Effect) -> bool:
    """Whether a matching signal is one of those that led to the effect."""
    return isinstance(effect, Repeated) or (isinstance(effect, Opened) and effect.at >= signal.at)


def title_of(text: str, fields: Mapping[str, Any]) -> str:
    """The title of an incident: the rule's text with the fields of its last signal."""
    return _FIELD.sub(lambda found: _text(fields.get(found[1])) or "unknown", text)[:_MAX_TITLE]


def _scope(rule: CompiledRule) -> str:
    return f"{rule.definition.on}/{rule.definition.per}"


def _text(value: Any) -> str | None:
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return None if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _time_of(evidence: Signal | Mapping[str, Any]) -> datetime:
    return evidence.at if isinstance(evidence, Signal) else clock.parse(evidence["at"])


def _state_of(record: StateRecord) -> State:
    return State(
        version=int(record.rule_version),
        matches=tuple(clock.parse(time) for time in record.matches),
        since=record.since,
        newest=record.newest,
        last_at=record.last_at,
        closed_at=record.closed_at,
        opened=int(record.opened),
    )
