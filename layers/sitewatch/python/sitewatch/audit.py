"""The audit log: who did what to whom, when and from where. Entries are appended and never change.

An entry holds no password, no token, no text of a message and no personal field: neither a name that was tried at a
login (people type passwords there by mistake), nor the values of an email address or a full name.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from pynamodb.attributes import TTLAttribute, UnicodeAttribute
from pynamodb.constants import ALL_OLD
from pynamodb.exceptions import PutError
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex
from pynamodb.transactions import TransactWrite

from sitewatch import clock, ids, settings, tables
from sitewatch.callers import Origin
from sitewatch.tables import JsonAttribute, Model, TableMeta, TimeAttribute

ENTRIES = "audit"
KEEP = timedelta(days=400)


class Action(StrEnum):
    """What an entry is about."""

    LOGIN_SUCCEEDED = "login.succeeded"
    LOGIN_FAILED = "login.failed"
    LOGGED_OUT = "session.logged_out"
    SESSION_REVOKED = "session.revoked"
    USER_CREATED = "user.created"
    USER_CHANGED = "user.changed"
    USER_DELETED = "user.deleted"
    PASSWORD_CHANGED = "password.changed"  # noqa: S105 - the name of an act
    PASSWORD_REFUSED = "password.refused"  # noqa: S105
    RESET_ISSUED = "password_reset.issued"
    RESET_REFUSED = "password_reset.refused"
    RESET_USED = "password_reset.used"
    API_TOKEN_ISSUED = "api_token.issued"  # noqa: S105
    API_TOKEN_REVOKED = "api_token.revoked"  # noqa: S105
    EVENT_DELETED = "event.deleted"
    RULE_CREATED = "rule.created"
    RULE_CHANGED = "rule.changed"
    RULE_DELETED = "rule.deleted"
    SOURCE_CHANGED = "source.changed"
    SOURCE_DELETED = "source.deleted"
    INCIDENT_CHANGED = "incident.changed"


class EntriesBySubject(GlobalSecondaryIndex["AuditRecord"]):
    """The entries about each subject."""

    class Meta:
        index_name = "by_subject"
        projection = AllProjection()

    subject = UnicodeAttribute(hash_key=True)
    id = UnicodeAttribute(range_key=True)


class EntriesByAction(GlobalSecondaryIndex["AuditRecord"]):
    """The entries of each action."""

    class Meta:
        index_name = "by_action"
        projection = AllProjection()

    action = UnicodeAttribute(hash_key=True)
    id = UnicodeAttribute(range_key=True)


class EntriesBySubjectAndAction(GlobalSecondaryIndex["AuditRecord"]):
    """The entries of each action about each subject."""

    class Meta:
        index_name = "by_subject_and_action"
        projection = AllProjection()

    subject_and_action = UnicodeAttribute(hash_key=True)
    id = UnicodeAttribute(range_key=True)


class AuditRecord(Model):
    """An entry. Its id sorts by time.

    One partition is enough: every act costs a person or a password hash, so a site never does 1,000 a second.
    """

    class Meta(TableMeta):
        table_name = settings.text("AUDIT_TABLE")

    kind = UnicodeAttribute(hash_key=True, default=ENTRIES)
    id = UnicodeAttribute(range_key=True)
    at: datetime = TimeAttribute()  # type: ignore[assignment]
    action = UnicodeAttribute()
    actor = UnicodeAttribute(null=True)
    subject = UnicodeAttribute(null=True)
    subject_and_action = UnicodeAttribute(null=True)
    address = UnicodeAttribute(null=True)
    detail = JsonAttribute(default=dict)
    expires_at = TTLAttribute()

    by_subject = EntriesBySubject()
    by_action = EntriesByAction()
    by_subject_and_action = EntriesBySubjectAndAction()


DEPLOYMENT = Origin("deployment")
OPERATOR = Origin("operator")


def subject_and_action(subject: str, action: str) -> str:
    """The key of the index by both."""
    return f"{subject}#{action}"


def entry(
    origin: Origin, action: Action, subject: str | None, *, once: str | None = None, **detail: Any
) -> AuditRecord:
    """Return a new entry.

    Parameters
    ----------
    origin
        Who acts, and from where.
    action
        What was done.
    subject
        The id of the user, API token, event or rule that it was done to; ``None`` if there is no such one.
    once
        The id (a ULID) of what the act made or ended, if it can happen once only: the entry's id then derives from it.
    detail
        More about the act, JSON data.

    """
    at = ids.time_of(once) if once else clock.now()
    return AuditRecord(
        id=ids.derived_id(at, action, once) if once else ids.new_id(),
        at=clock.now(),
        action=action.value,
        actor=origin.actor,
        subject=subject,
        subject_and_action=subject_and_action(subject, action) if subject else None,
        address=origin.address or None,
        detail=detail,
        expires_at=clock.now() + KEEP,
    )


def add(record: AuditRecord, transaction: TransactWrite) -> None:
    """Append the entry in the transaction of its act. An entry that exists does not change; see ``rewrite``."""
    transaction.save(record, condition=AuditRecord.id.does_not_exist(), return_values=ALL_OLD)


def append(record: AuditRecord) -> None:
    """Append the entry of an act that writes nothing else. An entry that exists does not change."""
    try:
        record.save(condition=AuditRecord.id.does_not_exist())
    except PutError as error:
        # Its id is new: an earlier attempt at the same call has written it.
        if error.cause_response_code != "ConditionalCheckFailedException":
            raise


def newest_first(
    subject: str | None, action: str | None, before: str | None, limit: int
) -> tuple[list[AuditRecord], str | None]:
    """Return up to ``limit`` entries before the id ``before``, and the id to continue before, if there are more.

    They are about ``subject``, of ``action``, of both, or all.
    """
    query: Any = AuditRecord.query
    key = ENTRIES
    if subject and action:
        query, key = AuditRecord.by_subject_and_action.query, subject_and_action(subject, action)
    elif subject:
        query, key = AuditRecord.by_subject.query, subject
    elif action:
        query, key = AuditRecord.by_action.query, action
    found = query(key, AuditRecord.id < before if before else None, scan_index_forward=False, limit=limit + 1)
    return tables.page(AuditRecord, found, limit)
