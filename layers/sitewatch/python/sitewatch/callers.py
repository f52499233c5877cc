"""Who calls: what a verified token says, and whom an endpoint takes. Free of what verifying needs."""

from dataclasses import dataclass
from enum import StrEnum


class TokenUse(StrEnum):
    """What a token is for; a token for one use is refused for every other."""

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
    """Who a verified token speaks for.

    ``subject`` is the user's id (of an API token: the token's own id), ``token_id`` the ``jti``,
    ``family`` the chain of refresh tokens that a refresh token belongs to.
    """

    subject: str
    username: str
    role: Role
    use: TokenUse
    token_id: str
    family: str | None = None


@dataclass(frozen=True, slots=True)
class Access:
    """Who may call an endpoint: with a token whose role is one of ``roles``, and without any where ``anonymous``."""

    roles: frozenset[Role]
    anonymous: bool = False
