"""Callers, their roles, and who may call an endpoint. Imports nothing that verifying tokens needs."""

from dataclasses import dataclass
from enum import StrEnum


class TokenUse(StrEnum):
    """The purpose of a token. A token is refused for any other purpose."""

    ACCESS = "access"
    REFRESH = "refresh"
    API = "api"


class Role(StrEnum):
    """What a caller may do."""

    USER = "user"
    ADMIN = "admin"
    MACHINE = "machine"


@dataclass(frozen=True, slots=True)
class Caller:
    """The caller that a verified token identifies.

    ``subject`` is the user's id (for an API token: the token's own id), ``token_id`` the ``jti``, and ``family`` the
    chain that a refresh token belongs to.
    """

    subject: str
    username: str
    role: Role
    use: TokenUse
    token_id: str
    family: str | None = None


@dataclass(frozen=True, slots=True)
class Access:
    """Who may call an endpoint: callers with one of ``roles``, and callers without a token if ``anonymous``."""

    roles: frozenset[Role]
    anonymous: bool = False
