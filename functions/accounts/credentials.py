"""Create users, and check who they say they are: all that knows of passwords."""

from functools import partial

from pynamodb.exceptions import TransactWriteError

from accounts import passwords
from accounts.model import NewUser, UserRecord
from accounts.registration import register, user_of
from accounts.users import by_username
from sitewatch import ids, transactions
from sitewatch.callers import Role
from sitewatch.errors import USERNAME_TAKEN, ApiError


def create(new: NewUser, role: Role = Role.USER, *, user_id: str | None = None) -> UserRecord:
    """Store a new user; under ``user_id``, which a request that comes again gives again, it is one user.

    Raises
    ------
    ApiError
        409 where the username is taken, in whatever letter case, be it by a sign-up at this moment.

    """
    user = user_of(new, passwords.hash_password(new.password), user_id=user_id or ids.new_id(), role=role)
    try:
        transactions.write(partial(register, user))
    except TransactWriteError as error:
        # A conflict with another transaction is one with a sign-up for the same name: nobody else writes under this id.
        if {reason.code for reason in error.cancellation_reasons if reason} & {
            "ConditionalCheckFailed",
            "TransactionConflict",
        }:
            raise ApiError(USERNAME_TAKEN) from None
        raise
    return user


def authenticate(username: str, password: str) -> UserRecord | None:
    """The user whose name and password these are; ``None`` otherwise, in the same time for every reason.

    A hash of an older kind, or of weaker parameters than today's, is replaced.
    """
    user = by_username(username)
    if not passwords.verify(user.password_hash if user else None, password) or user is None or user.disabled:
        return None
    if passwords.needs_rehash(user.password_hash):
        user.update(actions=[UserRecord.password_hash.set(passwords.hash_password(password))])
    return user
