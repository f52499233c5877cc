"""Register users under unique usernames, ignoring case."""

from pynamodb.transactions import TransactWrite

from accounts.model import Profile, UsernameClaim, UserRecord
from accounts.users import claim_key
from sitewatch import clock
from sitewatch.callers import Role
from sitewatch.directory import user_key


def new_record(profile: Profile, password_hash: str, *, user_id: str, role: Role) -> UserRecord:
    """Return the record of a new user, created now."""
    return UserRecord(
        user_key(user_id),
        id=user_id,
        username=profile.username,
        password_hash=password_hash,
        role=role.value,
        email=profile.email,
        full_name=profile.full_name,
        created_at=clock.now(),
    )


def register(user: UserRecord, transaction: TransactWrite) -> None:
    """Add the new user to ``transaction``, provided that the username is free.

    A retry may add the same user again, but not with another password.
    """
    claim = UsernameClaim(claim_key(user.username), user_id=user.id)
    transaction.save(claim, condition=UsernameClaim.key.does_not_exist() | (UsernameClaim.user_id == user.id))
    transaction.save(user, condition=UserRecord.key.does_not_exist() | (UserRecord.password_hash == user.password_hash))
