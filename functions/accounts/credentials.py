"""Create users and check their passwords."""

from functools import partial

from pynamodb.exceptions import TransactWriteError

from accounts import passwords
from accounts.model import NewUser, UserRecord
from accounts.registration import new_record, register
from accounts.users import by_id, by_username
from sitewatch import ids, transactions
from sitewatch.callers import Role
from sitewatch.errors import USERNAME_TAKEN, ApiError
from sitewatch.observability import logger


def create(new: NewUser, role: Role = Role.USER, *, user_id: str | None = None) -> UserRecord:
    """Store a new user and return its record. A retry with the same ``user_id`` creates no second user.

    Raises
    ------
    ApiError
        409 if the username is taken, ignoring case, or a concurrent sign-up is claiming it.

    """
    user = new_record(new, passwords.hash_password(new.password), user_id=user_id or ids.new_id(), role=role)
    try:
        transactions.write(partial(register, user))
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


def authenticate(username: str, password: str) -> UserRecord | None:
    """Return the user with these credentials, or ``None``. A failure takes equally long for every reason.

    Replaces a password hash that uses an older algorithm or weaker parameters.
    """
    user = by_username(username)
    try:
        matches = passwords.verify(user.password_hash if user else None, password)
    except passwords.UnreadableHash:
        logger.error("stored password hash is unreadable", user_id=user.id if user else None)
        return None
    if not matches or user is None or user.disabled:
        return None
    if passwords.needs_rehash(user.password_hash):
        user.update(actions=[UserRecord.password_hash.set(passwords.hash_password(password))])
    return user
