"""Callers, their roles and scopes, and who may call an endpoint. Imports nothing that verifying tokens needs."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Self


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


class Scope(StrEnum):
    """What an API token may send."""

    DETECTIONS = "detections"
    EVENTS = "events"
    READINGS = "readings"


ALL_SCOPES = frozenset(Scope)


@dataclass(frozen=True, slots=True)
class Caller:
    """The caller that a verified token identifies.

    ``subject`` is the user's id (for an API token: the token's own id) and ``token_id`` the ``jti``. A user's token
    has its session (``family``) and the ``generation`` of that. An API token has ``scopes``, may have the one
    ``source`` that it speaks for, and names the user who made it (``created_by``).
    """

    subject: str
    username: str
    role: Role
    use: TokenUse
    token_id: str
    family: str | None = None
    generation: int = 0
    scopes: frozenset[Scope] = ALL_SCOPES
    source: str | None = None
    created_by: str | None = None

    @property
    def is_machine(self) -> bool:
        """Whether the caller has an API token."""
        return self.use is TokenUse.API


@dataclass(frozen=True, slots=True)
class Origin:
    """Who does something, and from which address.

    The actor is the id of a user or an API token, or the name of a part of the system; ``None`` if nobody knows. The
    address is empty inside the system.
    """

    actor: str | None
    address: str = ""


@dataclass(frozen=True, slots=True)
class Access:
    """Who may call an endpoint.

    Callers with one of ``roles``, and callers without a token if ``anonymous``. An API token also needs ``scope``, if
    there is one. ``fresh``: check the user's status as it is now; routes for admins always do.
    """

    roles: frozenset[Role]
    anonymous: bool = False
    scope: Scope | None = None
    fresh: bool = False

    @property
    def is_fresh(self) -> bool:
        """Whether a user's status is read at every call."""
        return self.fresh or Role.USER not in self.roles

    def for_scope(self, scope: Scope) -> Self:
        """The same, but an API token needs ``scope``."""
        return replace(self, scope=scope)

    def checked_now(self) -> Self:
        """The same, but a user's status is read at every call."""
        return replace(self, fresh=True)
