"""Stored records of incidents; the API models are in ``views``.

An incident, its acts and its evidence share a partition. The states of rules, from which incidents open, are in a table
of their own with the last number and with deadlines.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from pynamodb.attributes import BooleanAttribute, NumberAttribute, TTLAttribute, UnicodeAttribute
from pynamodb.expressions.update import Action as UpdateAction
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex, KeysOnlyProjection
from pynamodb.transactions import TransactWrite

from sitewatch import settings
from sitewatch.tables import JsonAttribute, Model, TableMeta, TimeAttribute

INCIDENT = "incident"
"""The sort key of an incident itself."""

MAX_EVIDENCE = 10
"""How many of its last signals an incident keeps."""


MAX_ACTS = 1000
"""How often people can change an incident."""

MAX_SNOOZE = timedelta(days=30)

STATE_KEPT = timedelta(days=7)
"""How long a state without an active incident is kept; a stream delivers a record for a day at most."""


class IncidentState(StrEnum):
    """Where an incident is between its beginning and its end."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    CLOSED = "closed"


ACTIVE = (IncidentState.OPEN, IncidentState.ACKNOWLEDGED)


class CloseReason(StrEnum):
    """Why an incident is closed: what a person said, or what happened."""

    REAL = "real"
    FALSE_ALARM = "false_alarm"
    TEST = "test"
    QUIET = "quiet"
    ENDED = "ended"
    RULE_CHANGED = "rule_changed"
    RULE_DELETED = "rule_deleted"


class Act(StrEnum):
    """What was done to an incident."""

    OPEN = "open"
    ACKNOWLEDGE = "acknowledge"
    ASSIGN = "assign"
    NOTE = "note"
    SNOOZE = "snooze"
    SNOOZE_ENDED = "snooze_ended"
    CLOSE = "close"
    REOPEN = "reopen"


class IncidentsByTime(GlobalSecondaryIndex["IncidentRecord"]):
    """The incidents in each state by the time at which they opened."""

    class Meta:
        index_name = "by_time"
        projection = AllProjection()

    time_partition = UnicodeAttribute(hash_key=True)
    position = UnicodeAttribute(range_key=True)


class IncidentsByRule(GlobalSecondaryIndex["IncidentRecord"]):
    """The incidents of each rule in each state."""

    class Meta:
        index_name = "by_rule"
        projection = AllProjection()

    rule_partition = UnicodeAttribute(hash_key=True)
    position = UnicodeAttribute(range_key=True)


class IncidentsBySource(GlobalSecondaryIndex["IncidentRecord"]):
    """The incidents of each source in each state."""

    class Meta:
        index_name = "by_source"
        projection = AllProjection()

    source_partition = UnicodeAttribute(hash_key=True)
    position = UnicodeAttribute(range_key=True)


class IncidentsByAssignee(GlobalSecondaryIndex["IncidentRecord"]):
    """The incidents of each assignee in each state; those of nobody are not in this index."""

    class Meta:
        index_name = "by_assignee"
        projection = AllProjection()

    assignee_partition = UnicodeAttribute(hash_key=True)
    position = UnicodeAttribute(range_key=True)


class IncidentRecord(Model):
    """An incident.

    ``version`` increases with every act of its lifecycle, but not with what repeats, so that a busy incident can still
    be changed with ``If-Match``. ``cause`` is the id of the rule's state that opened it.
    """

    class Meta(TableMeta):
        table_name = settings.text("INCIDENTS_TABLE")

    id = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True, default=INCIDENT)
    number = NumberAttribute()
    version = NumberAttribute()
    cause = UnicodeAttribute()
    rule_id = UnicodeAttribute()
    rule_name = UnicodeAttribute()
    rule_version = NumberAttribute()
    severity = UnicodeAttribute()
    state = UnicodeAttribute()
    subject = UnicodeAttribute(null=True)
    title = UnicodeAttribute()
    source = UnicodeAttribute(null=True)
    zone = UnicodeAttribute(null=True)
    opened_at: datetime = TimeAttribute()  # type: ignore[assignment]
    last_at: datetime = TimeAttribute()  # type: ignore[assignment]
    occurrences = NumberAttribute()
    acknowledged_by = UnicodeAttribute(null=True)
    acknowledged_at: Any = TimeAttribute(null=True)
    assignee = UnicodeAttribute(null=True)
    snoozed_until: Any = TimeAttribute(null=True)
    closed_at: Any = TimeAttribute(null=True)
    closed_by = UnicodeAttribute(null=True)
    close_reason = UnicodeAttribute(null=True)
    shadow = BooleanAttribute(default=False)
    position = UnicodeAttribute()
    time_partition = UnicodeAttribute()
    rule_partition = UnicodeAttribute()
    source_partition = UnicodeAttribute(null=True)
    assignee_partition = UnicodeAttribute(null=True)

    by_time = IncidentsByTime()
    by_rule = IncidentsByRule()
    by_source = IncidentsBySource()
    by_assignee = IncidentsByAssignee()

    @property
    def is_active(self) -> bool:
        """Whether it is open or acknowledged."""
        return self.state in ACTIVE


class ActRecord(Model):
    """An act, in the partition of its incident. ``by`` is a username; Sitewatch itself has none."""

    class Meta(TableMeta):
        table_name = settings.text("INCIDENTS_TABLE")

    id = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    at: datetime = TimeAttribute()  # type: ignore[assignment]
    by = UnicodeAttribute(null=True)
    act = UnicodeAttribute()
    note = UnicodeAttribute(null=True)
    detail = JsonAttribute(default=dict)


class EvidenceRecord(Model):
    """The last signals of a closed incident. Those of an active one are in the state of its rule."""

    class Meta(TableMeta):
        table_name = settings.text("INCIDENTS_TABLE")

    id = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True, default="evidence")
    signals = JsonAttribute()


class DeadlinesByTime(GlobalSecondaryIndex["StateRecord"]):
    """What is due, by time. An item without a deadline is not in this index."""

    class Meta:
        index_name = "by_due"
        projection = KeysOnlyProjection()

    due_partition = UnicodeAttribute(hash_key=True)
    due: Any = TimeAttribute(range_key=True)


class StateRecord(Model):
    """What a rule remembers for one value of its ``per``: see ``rules.evaluation.State``.

    ``scope`` is the kind of signal and the ``per`` of the rule when it was written. ``incident_id`` is the incident
    that is active or was last; ``source`` and ``assignee`` are its own. ``reached`` has the position in each shard of a
    stream up to which signals are applied, and when it got there. ``due`` is the deadline that changes the state next.
    """

    class Meta(TableMeta):
        table_name = settings.text("INCIDENT_STATES_TABLE")

    id = UnicodeAttribute(hash_key=True)
    version = NumberAttribute(default=0)
    rule_version = NumberAttribute(default=0)
    scope = UnicodeAttribute(null=True)
    matches = JsonAttribute(default=list)
    since: Any = TimeAttribute(null=True)
    newest: Any = TimeAttribute(null=True)
    last_at: Any = TimeAttribute(null=True)
    closed_at: Any = TimeAttribute(null=True)
    opened = NumberAttribute(default=0)
    incident_id = UnicodeAttribute(null=True)
    source = UnicodeAttribute(null=True)
    assignee = UnicodeAttribute(null=True)
    evidence = JsonAttribute(default=list)
    reached = JsonAttribute(default=dict)
    due_partition = UnicodeAttribute(null=True)
    due: Any = TimeAttribute(null=True)
    expires_at = TTLAttribute(null=True)

    by_due = DeadlinesByTime()

    def save_next(self, transaction: TransactWrite) -> None:
        """Add it to the transaction as its next version, on the condition that nobody else has written it since."""
        read = int(self.version)
        self.version = read + 1
        transaction.save(self, condition=StateRecord.version == read if read else StateRecord.id.does_not_exist())


class NumberRecord(Model):
    """The number of the last incident."""

    class Meta(TableMeta):
        table_name = settings.text("INCIDENT_STATES_TABLE")

    id = UnicodeAttribute(hash_key=True, default="number")
    last = NumberAttribute()


def state_id(rule_id: str, key: str) -> str:
    """The id of a rule's state for a value of its ``per``."""
    return f"state#{rule_id}#{key}"


def key_of(state: str) -> tuple[str, str]:
    """The id of the rule, and the value of its ``per``, of a state with this id."""
    _, rule_id, key = state.split("#", 2)
    return rule_id, key


def partitions_of(
    state: IncidentState, *, rule_id: str, source: str | None, assignee: str | None
) -> Mapping[str, str | None]:
    """The partition keys of an incident in each index, by attribute: lists of every state cost the same."""
    return {
        "time_partition": state.value,
        "rule_partition": f"{state}#{rule_id}",
        "source_partition": None if source is None else f"{state}#{source}",
        "assignee_partition": None if assignee is None else f"{state}#{assignee}",
    }


def moved(state: IncidentState, *, rule_id: str, source: str | None, assignee: str | None) -> list[UpdateAction]:
    """The update that moves an incident to a state, in every index."""
    partitions = partitions_of(state, rule_id=rule_id, source=source, assignee=assignee)
    attributes = {name: getattr(IncidentRecord, name) for name in partitions}
    return [
        IncidentRecord.state.set(state.value),
        *(
            attributes[name].remove() if value is None else attributes[name].set(value)
            for name, value in partitions.items()
        ),
    ]
