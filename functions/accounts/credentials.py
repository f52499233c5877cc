"""Create users and check their passwords."""

from functools import partial

from pynamodb.exceptions import TransactWriteError, UpdateError

from accounts import passwords
from accounts.model import NewUser, UserRecord
from accounts.registration import new_record, register
from accounts.users import by_id, by_username
from sitewatch import audit, ids, transactions
from sitewatch.audit import Action
from sitewatch.callers import Origin, Role
from sitewatch.errors import USERNAME_TAKEN, ApiError
from sitewatch.observability import logger


def create(new: NewUser, origin: Origin, role: Role = Role.USER, *, user_id: str | None = None) -> UserRecord:
    """Store a new user and return its record. A retry with the same ``user_id`` creates no second user.

    Raises
    ------
    ApiError
        409 if the username is taken, ignoring case, or a concurrent sign-up is claiming it.

    """
    user = new_record(new, passwords.hash_password(new.password), user_id=user_id or ids.new_id(), role=role)
    try:
        transactions.write(partial(register, user, origin))
    except TransactWriteError as error:
        # A transaction conflict means a concurrent sign-up for the same name: nothing else writes under this id.
        if {reason.code for reason in error.cancellation_reasons if reason} & {
            "ConditionalCheckFailed",
            "TransactionConflict",
        }:
            # The second write is refused if the user exists: an earlier attempt was stopped halfway.
            repeated = by_id(user.id) if error.cancellation_reasons[1] else None
            if repeated and passwords.verify(repeated.password_hash, new.password):
                return repeated
            raise ApiError(USERNAME_TAKEN) from None
        raise
    return user


def authenticate(username: str, password: str, origin: Origin) -> UserRecord | None:
    """Return the user with these credentials, or ``None``. A failure takes equally long for every reason.

    Replaces a password hash that uses an older algorithm or weaker parameters. A failure is in the audit log.
    """
    user = by_username(username)
    if not matches(user, password) or user is None or user.disabled:
        audit.append(audit.entry(origin, Action.LOGIN_FAILED, user.id if user else None))
        return None
    if passwords.needs_rehash(user.password_hash):
        _replace_hash(user, passwords.hash_password(password))
    return user


def matches(user: UserRecord | None, password: str) -> bool:
    """Whether this is the user's password. ``None`` (unknown user) has none, and takes equally long."""
    try:
        return passwords.verify(user.password_hash if user else None, password)
    except passwords.UnreadableHash:
        logger.error("stored password hash is unreadable", user_id=user.id if user else None)
        return False


def _replace_hash(user: UserRecord, password_hash: str) -> None:
    try:
        user.update(
            actions=[UserRecord.password_hash.set(password_hash)],
            condition=UserRecord.password_hash == user.password_hash,
        )
    except UpdateError as error:
        # The password has just been changed, or the user deleted.
        if error.cause_response_code != "ConditionalCheckFailedException":
            raise
