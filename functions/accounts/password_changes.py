"""Change a password: by its user, or with a reset token that an administrator has issued."""

import hashlib
import hmac
from datetime import datetime, timedelta
from secrets import token_urlsafe

from pynamodb.expressions.update import Action as Update
from pynamodb.transactions import TransactWrite

from accounts import guessing, passwords, standing, users
from accounts.administration import existing, writes
from accounts.credentials import matches
from accounts.model import UserRecord
from sitewatch import audit, clock, transactions
from sitewatch.audit import Action
from sitewatch.callers import Caller, Origin
from sitewatch.directory import claim_key
from sitewatch.errors import BAD_CREDENTIALS, BAD_TOKEN, ApiError

RESET_LIFETIME = timedelta(hours=24)


def change_own(caller: Caller, current: str, new: str, origin: Origin) -> None:
    """Replace the caller's password, and end all of its other sessions.

    Raises
    ------
    ApiError
        401 if ``current`` is wrong, 429 after too many wrong ones.

    """
    user = existing(caller.subject)

    def verify() -> UserRecord | None:
        if matches(user, current):
            return user
        audit.append(audit.entry(origin, Action.PASSWORD_REFUSED, user.id))
        return None

    if guessing.check(claim_key(user.username), origin.address, verify, signed_in=True) is None:
        raise ApiError(BAD_CREDENTIALS, "Incorrect password")
    entry = audit.entry(origin, Action.PASSWORD_CHANGED, user.id)
    new_hash = passwords.hash_password(new)

    def prepare() -> transactions.Fill | None:
        status, now = standing.read_for_change(user.id), existing(user.id)
        if now.password_hash == new_hash:
            return None  # the response to an earlier attempt was lost
        if now.password_hash != user.password_hash:
            raise ApiError(BAD_CREDENTIALS, "The password has just been changed")
        if not status.accepts(caller):
            raise ApiError(BAD_TOKEN, "Token has been revoked")
        standing.end_all_sessions(status, keep=caller.family)
        return writes(now, status, _updates(new_hash), entry)

    transactions.rewrite(prepare)


def issue_reset(user_id: str, origin: Origin) -> tuple[str, datetime]:
    """Return a token with which the user can set a new password, once, and when it expires.

    Only its hash is stored. It replaces an earlier one.

    Raises
    ------
    ApiError
        404 if there is no such user.

    """
    token = f"{user_id}.{token_urlsafe(32)}"
    expires_at = clock.now().replace(microsecond=0) + RESET_LIFETIME
    entry = audit.entry(origin, Action.RESET_ISSUED, user_id)

    def prepare() -> transactions.Fill | None:
        user = existing(user_id)

        def fill(transaction: TransactWrite) -> None:
            issued = [
                UserRecord.reset_hash.set(_hash(token)),
                UserRecord.reset_expires_at.set(expires_at),  # type: ignore[union-attr]
            ]
            transaction.update(user, actions=issued, condition=UserRecord.key.exists())
            audit.add(entry, transaction)

        return fill

    transactions.rewrite(prepare)
    return token, expires_at


def reset(token: str, new: str, origin: Origin) -> None:
    """Set the password of the user that the reset token is for, and end all of its sessions.

    Raises
    ------
    ApiError
        401 if the token is unknown, used or expired; 429 after too many of those.

    """
    user_id = token.partition(".")[0]
    found = users.by_id(user_id)
    account = claim_key(found.username) if found else f"nobody#{user_id}"
    user = guessing.check(account, origin.address, lambda: _with_token(found, token, origin))
    if user is None:
        raise _refused()
    entry = audit.entry(Origin(user.id, origin.address), Action.RESET_USED, user.id)
    new_hash = passwords.hash_password(new)

    def prepare() -> transactions.Fill | None:
        status, now = standing.read_for_change(user.id), users.by_id(user.id)
        if now is not None and now.password_hash == new_hash:
            return None  # the response to an earlier attempt was lost
        if now is None or now.reset_hash != user.reset_hash:
            raise _refused()
        standing.end_all_sessions(status)
        return writes(now, status, _updates(new_hash), entry)

    transactions.rewrite(prepare)


def _with_token(user: UserRecord | None, token: str, origin: Origin) -> UserRecord | None:
    """``user``, if the reset token is good."""
    if user is not None and user.reset_hash and user.reset_expires_at is not None:
        is_right = hmac.compare_digest(user.reset_hash, _hash(token))
        if is_right and clock.now() < user.reset_expires_at:
            return user
    audit.append(audit.entry(origin, Action.RESET_REFUSED, user.id if user else None))
    return None


def _refused() -> ApiError:
    return ApiError(BAD_TOKEN, "The reset token is unknown, used or expired")


def _hash(token: str) -> str:
    # The token has 256 random bits, so a fast hash is as good as a slow one.
    return hashlib.sha256(token.encode()).hexdigest()


def _updates(password_hash: str) -> list[Update]:
    """Set the password. A reset token that is still open would be a second way in."""
    return [
        UserRecord.password_hash.set(password_hash),
        UserRecord.reset_hash.remove(),
        UserRecord.reset_expires_at.remove(),  # type: ignore[union-attr]
    ]
