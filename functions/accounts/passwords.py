"""Hash and check passwords: Argon2id, and bcrypt where an account came from an older system."""

import bcrypt
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

# OWASP Password Storage Cheat Sheet: 19 MiB, 2 passes, 1 lane.
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)

# bcrypt reads no further than this; newer libraries refuse longer passwords that older ones cut.
_BCRYPT_BYTES = 72
_BCRYPT_PREFIXES = ("$2a$", "$2b$", "$2y$")

# What an unknown user's password is checked against, so that it takes as long as a known one's. It
# is a constant because making one costs every cold start; ``tests`` hold it to today's parameters.
NOBODY = "$argon2id$v=19$m=19456,t=2,p=1$c2l0ZXdhdGNoLW5vYm9keQ$vvSvMLcsBmh40JVU+GxzVJyKKlEOOAe+MWjRPzDwBe0"


def hash_password(password: str) -> str:
    """The Argon2id hash of ``password``, with its parameters and salt, in the PHC format."""
    return _hasher.hash(password)


def verify(password_hash: str | None, password: str) -> bool:
    """Whether ``password`` has ``password_hash``; ``None`` (no such user) takes the same time and is false."""
    if password_hash is not None and password_hash.startswith(_BCRYPT_PREFIXES):
        return bcrypt.checkpw(password.encode()[:_BCRYPT_BYTES], password_hash.encode())
    try:
        _hasher.verify(NOBODY if password_hash is None else password_hash, password)
    except (VerifyMismatchError, InvalidHashError):
        return False
    return password_hash is not None


def needs_rehash(password_hash: str) -> bool:
    """Whether the hash is not Argon2id with today's parameters."""
    return password_hash.startswith(_BCRYPT_PREFIXES) or _hasher.check_needs_rehash(password_hash)
