"""What people do to incidents: each act with its entries in the history and the audit log, in one transaction."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from pynamodb.expressions.update import Action as UpdateAction
from pynamodb.transactions import TransactWrite

from incidents import finding
from incidents.model import (
    INCIDENT,
    MAX_ACTS,
    STATE_KEPT,
    Act,
    ActRecord,
    CloseReason,
    EvidenceRecord,
    IncidentRecord,
    IncidentState,
    StateRecord,
    moved,
)
from incidents.views import NewAct
from sitewatch import audit, clock, ids, transactions
from sitewatch.audit import Action
from sitewatch.callers import Caller, Origin
from sitewatch.deadlines import DeadlineRecord, snooze_id
from sitewatch.directory import existing_username
from sitewatch.due import DUE
from sitewatch.errors import CONFLICT, ApiError, invalid_field
from sitewatch.versions import require_match


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, and when: the act has the id ``act_id``."""

    caller: Caller
    origin: Origin
    act_id: str


def act(incident_id: str, new: NewAct, if_match: str | None, actor: Actor) -> None:
    """Do something to an incident, if its version matches ``If-Match``.

    Raises
    ------
    ApiError
        400 if the assignee is nobody, 404 if there is no such incident, 409 if its state does not allow the act (the
        detail says who changed it and when), 412 if it does not match, 429 if others keep changing it.

    """
    assignee = new.assignee and existing_username(new.assignee)
    if new.assignee and assignee is None:
        raise invalid_field("assignee", "there is no such user")
    now = clock.now()
    detail = new.detail() | ({"assignee": assignee} if new.act is Act.ASSIGN else {})
    entry = audit.entry(actor.origin, Action.INCIDENT_CHANGED, incident_id, once=actor.act_id, act=new.act.value)
    record = ActRecord(
        incident_id,
        f"act#{actor.act_id}",
        at=now,
        by=actor.caller.username,
        act=new.act.value,
        note=new.note,
        detail=detail,
    )

    def prepare() -> transactions.Fill | None:
        incident = finding.find(incident_id)
        try:
            require_match(incident.version, if_match)
            _check(incident, new.act)
        except ApiError:
            if finding.has_act(record):
                return None  # by an earlier attempt, whose response was lost
            raise
        change = _Change(incident, new, assignee, actor.caller.username, now)
        write = _WRITERS[new.act](change)

        def fill(transaction: TransactWrite) -> None:
            write(transaction)
            transaction.save(record)
            audit.add(entry, transaction)

        return fill

    transactions.rewrite(prepare)


@dataclass(frozen=True, slots=True)
class _Change:
    incident: IncidentRecord
    new: NewAct
    assignee: str | None
    username: str
    at: datetime

    def update(self, transaction: TransactWrite, *actions: UpdateAction) -> None:
        transaction.update(
            IncidentRecord(self.incident.id, INCIDENT),
            actions=[*actions, IncidentRecord.version.add(1)],
            condition=IncidentRecord.version == self.incident.version,
        )

    def move(self, state: IncidentState, assignee: str | None) -> list[UpdateAction]:
        return moved(state, rule_id=self.incident.rule_id, source=self.incident.source, assignee=assignee)


Writer = Callable[[TransactWrite], None]


def _check(incident: IncidentRecord, act: Act) -> None:
    """Raise a 409 if the incident does not allow the act."""
    if incident.version >= MAX_ACTS:
        raise ApiError(CONFLICT, f"this incident has {MAX_ACTS} acts already")
    if act is Act.NOTE:
        return
    if act is Act.REOPEN:
        if incident.is_active:
            raise ApiError(CONFLICT, f"it is {incident.state}, not closed")
    elif not incident.is_active:
        by = incident.closed_by or "Sitewatch"
        raise ApiError(CONFLICT, f"closed by {by} at {clock.format_time(incident.closed_at or clock.EARLIEST)}")
    elif act is Act.ACKNOWLEDGE and incident.state == IncidentState.ACKNOWLEDGED:
        at = clock.format_time(incident.acknowledged_at or clock.EARLIEST)
        raise ApiError(CONFLICT, f"acknowledged by {incident.acknowledged_by} at {at}")


def _acknowledge(change: _Change) -> Writer:
    return lambda transaction: change.update(
        transaction,
        *change.move(IncidentState.ACKNOWLEDGED, change.incident.assignee),
        IncidentRecord.acknowledged_by.set(change.username),
        IncidentRecord.acknowledged_at.set(change.at),
    )


def _assign(change: _Change) -> Writer:
    state, assignee = finding.state_of(change.incident), change.assignee

    def write(transaction: TransactWrite) -> None:
        moves = change.move(IncidentState(change.incident.state), assignee)
        change.update(
            transaction,
            *moves,
            IncidentRecord.assignee.set(assignee) if assignee else IncidentRecord.assignee.remove(),
        )
        if state is not None and state.incident_id == change.incident.id:
            # The rule moves the incident in the index of assignees when it closes it.
            state.assignee = assignee
            state.save_next(transaction)

    return write


def _note(change: _Change) -> Writer:
    return change.update


def _snooze(change: _Change) -> Writer:
    until = change.new.until

    def write(transaction: TransactWrite) -> None:
        change.update(transaction, IncidentRecord.snoozed_until.set(until))
        transaction.save(DeadlineRecord(snooze_id(change.incident.id), due=until))

    return write


def _close(change: _Change) -> Writer:
    state, incident = finding.state_of(change.incident), change.incident
    reason = change.new.reason or CloseReason.REAL

    def write(transaction: TransactWrite) -> None:
        change.update(
            transaction,
            *change.move(IncidentState.CLOSED, incident.assignee),
            IncidentRecord.closed_at.set(change.at),
            IncidentRecord.closed_by.set(change.username),
            IncidentRecord.close_reason.set(reason.value),
            IncidentRecord.snoozed_until.remove(),
        )
        if state is not None and state.incident_id == incident.id:
            transaction.save(EvidenceRecord(incident.id, signals=state.evidence))
            state.last_at, state.closed_at, state.since = None, change.at, None
            state.due_partition, state.due = None, None
            state.expires_at = change.at + STATE_KEPT
            state.save_next(transaction)

    return write


def _reopen(change: _Change) -> Writer:
    incident = change.incident
    state = finding.state_of(incident) or StateRecord(incident.cause)
    if state.last_at is not None:
        raise ApiError(CONFLICT, "another incident about the same is open")
    evidence = finding.evidence_of(incident)

    def write(transaction: TransactWrite) -> None:
        change.update(
            transaction,
            *change.move(IncidentState.OPEN, incident.assignee),
            *(
                attribute.remove()
                for attribute in (
                    IncidentRecord.acknowledged_by,
                    IncidentRecord.acknowledged_at,
                    IncidentRecord.closed_at,
                    IncidentRecord.closed_by,
                    IncidentRecord.close_reason,
                )
            ),
        )
        state.incident_id, state.evidence = incident.id, evidence
        state.source, state.assignee = incident.source, incident.assignee
        state.last_at, state.closed_at, state.since, state.expires_at = change.at, None, None, None
        # The next tick finds its real deadline, which depends on its rule.
        state.due_partition, state.due = DUE, change.at
        state.save_next(transaction)

    return write


_WRITERS: Mapping[Act, Callable[[_Change], Writer]] = {
    Act.ACKNOWLEDGE: _acknowledge,
    Act.ASSIGN: _assign,
    Act.NOTE: _note,
    Act.SNOOZE: _snooze,
    Act.CLOSE: _close,
    Act.REOPEN: _reopen,
}


def end_snooze(incident_id: str, now: datetime) -> None:
    """End the snooze of an incident, if it is over by ``now``. A late or a repeated timer does nothing."""

    def prepare() -> transactions.Fill | None:
        deadline = next(DeadlineRecord.query(snooze_id(incident_id), consistent_read=True, limit=1), None)
        if deadline is None or deadline.due > now:
            return None
        incident = finding.find(incident_id)
        is_over = incident.snoozed_until is not None and incident.snoozed_until <= now

        def fill(transaction: TransactWrite) -> None:
            transaction.delete(deadline, condition=DeadlineRecord.due == deadline.due)
            if is_over:
                transaction.update(
                    IncidentRecord(incident_id, INCIDENT),
                    actions=[IncidentRecord.snoozed_until.remove(), IncidentRecord.version.add(1)],
                    condition=IncidentRecord.version == incident.version,
                )
                item = f"act#{ids.derived_id(deadline.due, incident_id, Act.SNOOZE_ENDED)}"
                transaction.save(ActRecord(incident_id, item, at=deadline.due, act=Act.SNOOZE_ENDED.value))

        return fill

    transactions.rewrite(prepare)
