"""Register users under unique usernames, ignoring case."""

from pynamodb.transactions import TransactWrite

from accounts.model import Profile, UsernameClaim, UserRecord
from sitewatch import audit, ids
from sitewatch.audit import Action
from sitewatch.callers import Origin, Role
from sitewatch.directory import claim_key, user_key


def new_record(profile: Profile, password_hash: str, *, user_id: str, role: Role) -> UserRecord:
    """Return the record of a new user. Its id, which has the time, makes it the same at every attempt."""
    return UserRecord(
        user_key(user_id),
        id=user_id,
        username=profile.username,
        password_hash=password_hash,
        role=role.value,
        email=profile.email,
        full_name=profile.full_name,
        created_at=ids.time_of(user_id),
    )


def register(user: UserRecord, origin: Origin, transaction: TransactWrite) -> None:
    """Add the new user to ``transaction``, provided that the username is free, and log who created it."""
    claim = UsernameClaim(claim_key(user.username), user_id=user.id)
    transaction.save(claim, condition=UsernameClaim.key.does_not_exist() | (UsernameClaim.user_id == user.id))
    transaction.save(user, condition=UserRecord.key.does_not_exist())
    audit.add(audit.entry(origin, Action.USER_CREATED, user.id, once=user.id, role=user.role), transaction)
