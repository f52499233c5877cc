"""Hash and verify passwords: Argon2id, and bcrypt for accounts imported from an older system."""

import bcrypt
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from sitewatch import settings
from sitewatch.names import normalize

# OWASP Password Storage Cheat Sheet: 19 MiB, 2 passes, 1 lane.
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)

# bcrypt uses only the first 72 bytes, so it cannot tell whether the rest of a longer password is right.
_BCRYPT_BYTES = 72
_BCRYPT_PREFIXES = ("$2a$", "$2b$", "$2y$")

# Verified for unknown users, so that they take as long as known ones. A constant, because hashing would slow
# every cold start; a test checks that it uses the current parameters.
DUMMY_HASH = "$argon2id$v=19$m=19456,t=2,p=1$c2l0ZXdhdGNoLW5vYm9keQ$vvSvMLcsBmh40JVU+GxzVJyKKlEOOAe+MWjRPzDwBe0"


class UnreadableHash(Exception):
    """The stored password hash is damaged: no password matches it."""


def hash_password(password: str) -> str:
    """Return the Argon2id hash of ``password`` in PHC format (which includes parameters and salt).

    The password is hashed in its composed Unicode form (NFC): keyboards differ in how they compose letters.
    """
    return _hasher.hash(normalize(password))


def verify(password_hash: str | None, password: str) -> bool:
    """Whether ``password`` matches ``password_hash``. ``None`` (unknown user) never matches.

    A wrong password takes the same time for every kind of hash and for ``None``.

    Raises
    ------
    UnreadableHash
        If the hash is damaged. This takes the same time too.

    """
    # Also as it was typed: older hashes are of that form.
    forms = {normalize(password): None, password: None}
    return any(_matches(password_hash, form) for form in forms)


def _matches(password_hash: str | None, password: str) -> bool:
    """Whether the hash is of ``password``. Always computes one Argon2 hash and the work of one bcrypt hash."""
    if password_hash is not None and password_hash.startswith(_BCRYPT_PREFIXES):
        _verify_argon2(DUMMY_HASH, password)
        return _verify_bcrypt(password_hash, password)
    _work_as_bcrypt(password)
    return _verify_argon2(DUMMY_HASH if password_hash is None else password_hash, password) and (
        password_hash is not None
    )


def _verify_argon2(password_hash: str, password: str) -> bool:
    try:
        return _hasher.verify(password_hash, password)
    except VerifyMismatchError:
        return False
    except (InvalidHashError, VerificationError, UnicodeEncodeError):
        _verify_argon2(DUMMY_HASH, password)
        raise UnreadableHash from None


def _verify_bcrypt(password_hash: str, password: str) -> bool:
    data = password.encode()
    try:
        matches = bcrypt.checkpw(data[:_BCRYPT_BYTES], password_hash.encode())
    except ValueError:
        _work_as_bcrypt(password)
        raise UnreadableHash from None
    _work_as_bcrypt(password, done=int(password_hash[4:6]))
    return matches and len(data) <= _BCRYPT_BYTES


def _work_as_bcrypt(password: str, done: int | None = None) -> None:
    """Do the work of one bcrypt hash of the cost that imported hashes have.

    ``done`` is the cost of a hash that was computed already. Each cost is twice the work of the one below, so one hash
    of each cost from ``done`` up is what is missing.
    """
    cost = settings.integer("IMPORTED_BCRYPT_COST")
    for each in [cost] if done is None else range(done, cost):
        bcrypt.hashpw(password.encode()[:_BCRYPT_BYTES], f"$2b${each:02}$sitewatchnobodyssaltOOO".encode())


def needs_rehash(password_hash: str) -> bool:
    """Whether the hash is anything other than Argon2id with the current parameters."""
    return password_hash.startswith(_BCRYPT_PREFIXES) or _hasher.check_needs_rehash(password_hash)
