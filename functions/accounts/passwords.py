"""Hash and verify passwords: Argon2id, and bcrypt for accounts imported from an older system."""

import bcrypt
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from sitewatch.names import normalize

# OWASP Password Storage Cheat Sheet: 19 MiB, 2 passes, 1 lane.
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)

# bcrypt uses only the first 72 bytes. Older libraries truncated longer passwords; newer ones reject them.
_BCRYPT_BYTES = 72
_BCRYPT_PREFIXES = ("$2a$", "$2b$", "$2y$")

# Verified for unknown users, so that they take as long as known ones. A constant, because hashing would slow
# every cold start; a test checks that it uses the current parameters.
DUMMY_HASH = "$argon2id$v=19$m=19456,t=2,p=1$c2l0ZXdhdGNoLW5vYm9keQ$vvSvMLcsBmh40JVU+GxzVJyKKlEOOAe+MWjRPzDwBe0"


def hash_password(password: str) -> str:
    """Return the Argon2id hash of ``password`` in PHC format (which includes parameters and salt).

    The password is hashed in its composed Unicode form (NFC): keyboards differ in how they compose letters.
    """
    return _hasher.hash(normalize(password))


def verify(password_hash: str | None, password: str) -> bool:
    """Whether ``password`` matches ``password_hash``. ``None`` (unknown user) never matches, in the same time."""
    # Also as it was typed: older hashes are of that form.
    forms = {normalize(password): None, password: None}
    return any(_matches(password_hash, form) for form in forms)


def _matches(password_hash: str | None, password: str) -> bool:
    if password_hash is not None and password_hash.startswith(_BCRYPT_PREFIXES):
        return bcrypt.checkpw(password.encode()[:_BCRYPT_BYTES], password_hash.encode())
    try:
        _hasher.verify(DUMMY_HASH if password_hash is None else password_hash, password)
    except (VerifyMismatchError, InvalidHashError):
        return False
    return password_hash is not None


def needs_rehash(password_hash: str) -> bool:
    """Whether the hash is anything other than Argon2id with the current parameters."""
    return password_hash.startswith(_BCRYPT_PREFIXES) or _hasher.check_needs_rehash(password_hash)
