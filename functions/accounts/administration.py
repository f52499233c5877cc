"""What ends or changes a user: log out everywhere, roles, disabling, deleting.

The user, its status and the entry in the audit log are written in one transaction, so that no act is half done and none
is missing from the log.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pynamodb.expressions.update import Action as Update
from pynamodb.transactions import TransactWrite

from accounts import revoking, standing, users
from accounts.model import UsernameClaim, UserRecord
from sitewatch import audit, transactions
from sitewatch.audit import Action, AuditRecord
from sitewatch.callers import Caller, Origin, Role
from sitewatch.directory import claim_key
from sitewatch.errors import CONFLICT, USER_NOT_FOUND, ApiError
from sitewatch.user_status import UserStatus

_PERSONAL = ("email", "full_name")


def log_out_everywhere(caller: Caller, origin: Origin) -> None:
    """End all sessions of the caller."""
    entry = audit.entry(origin, Action.LOGGED_OUT, caller.subject, everywhere=True)

    def prepare() -> transactions.Fill | None:
        status = standing.read_for_change(caller.subject)
        if not status.accepts(caller):
            return None
        standing.end_all_sessions(status)
        return writes(existing(caller.subject), status, [], entry)

    transactions.rewrite(prepare)


def change(user_id: str, fields: Mapping[str, Any], origin: Origin) -> UserRecord:
    """Set these fields (``role``, ``disabled``, ``email``, ``full_name``) of a user, and return the user.

    Raises
    ------
    ApiError
        404 if there is no such user, 409 if this would leave no enabled administrator.

    """
    changed: list[UserRecord] = []
    entry = audit.entry(origin, Action.USER_CHANGED, user_id)

    def prepare() -> transactions.Fill | None:
        status, user = standing.read_for_change(user_id), existing(user_id)
        changed[:] = [user]
        was_admin = _is_enabled_admin(user)
        new = {name: value for name, value in fields.items() if getattr(user, name) != value}
        if not new:
            return None
        for name, value in new.items():
            setattr(user, name, value)
        if "role" in new:
            status.role = new["role"]
        if "disabled" in new:
            status.disabled = new["disabled"]
            standing.end_all_sessions(status)
        entry.detail = {name: "changed" if name in _PERSONAL else value for name, value in new.items()}
        updates = [_update(name, value) for name, value in new.items()]
        other = _another_admin(user, origin) if was_admin and not _is_enabled_admin(user) else None
        return writes(user, status, updates, entry, other=other)

    transactions.rewrite(prepare)
    return changed[0]


def delete(user_id: str, origin: Origin) -> None:
    """Delete a user with its sessions and the API tokens it made.

    Raises
    ------
    ApiError
        404 if there is no such user, 409 if this would leave no enabled administrator.

    """
    entry = audit.entry(origin, Action.USER_DELETED, user_id)
    attempted = False

    def prepare() -> transactions.Fill | None:
        nonlocal attempted
        status, user = standing.read_for_change(user_id), users.by_id(user_id)
        if user is None:
            if attempted:
                return None  # by the first attempt
            revoking.revoke_all_of(user_id, origin)  # in case an earlier request was stopped before it could
            raise ApiError(USER_NOT_FOUND)
        attempted = True
        status.deleted = True
        standing.end_all_sessions(status)
        other = _another_admin(user, origin) if _is_enabled_admin(user) else None

        def fill(transaction: TransactWrite) -> None:
            _require_admin(other, transaction)
            transaction.delete(user, condition=UserRecord.key.exists())
            transaction.delete(UsernameClaim(claim_key(user.username)))
            transaction.save(status)
            audit.add(entry, transaction)

        return fill

    transactions.rewrite(prepare)
    # They are refused already, because their maker is deleted.
    revoking.revoke_all_of(user_id, origin)


def existing(user_id: str) -> UserRecord:
    """The user with this id, as it is now.

    Raises
    ------
    ApiError
        404 if there is none.

    """
    user = users.by_id(user_id)
    if user is None:
        raise ApiError(USER_NOT_FOUND)
    return user


def writes(
    user: UserRecord,
    status: UserStatus,
    updates: Sequence[Update],
    entry: AuditRecord,
    *,
    other: UserRecord | None = None,
) -> transactions.Fill:
    """The transaction that changes a user and its status, while ``other`` is an enabled administrator."""

    def fill(transaction: TransactWrite) -> None:
        _require_admin(other, transaction)
        updated = [*updates, UserRecord.generation.set(status.generation)]
        transaction.update(user, actions=updated, condition=UserRecord.key.exists())
        transaction.save(status)
        audit.add(entry, transaction)

    return fill


def _is_enabled_admin(user: UserRecord) -> bool:
    return user.role == Role.ADMIN.value and not user.disabled


def _another_admin(user: UserRecord, origin: Origin) -> UserRecord:
    """An enabled administrator other than ``user``, preferably the one who acts."""
    actor = users.by_id(origin.actor) if origin.actor and origin.actor != user.id else None
    if actor is not None and _is_enabled_admin(actor):
        return actor
    for other in users.enabled_admins():
        if other.id != user.id:
            return other
    raise ApiError(CONFLICT, "this is the last enabled administrator")


def _require_admin(other: UserRecord | None, transaction: TransactWrite) -> None:
    # Two administrators who remove each other at once write what the other one checks: one of them fails.
    if other is not None:
        is_enabled_admin = (UserRecord.role == Role.ADMIN.value) & (UserRecord.disabled == False)  # noqa: E712
        transaction.condition_check(UserRecord, other.key, condition=is_enabled_admin)


def _update(name: str, value: Any) -> Update:
    attribute = UserRecord.get_attributes()[name]
    return attribute.remove() if value is None else attribute.set(value)
