"""Stored records and API models of accounts."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, StringConstraints
from pynamodb.attributes import (
    BooleanAttribute,
    ListAttribute,
    NumberAttribute,
    TTLAttribute,
    UnicodeAttribute,
    VersionAttribute,
)
from pynamodb.indexes import GlobalSecondaryIndex, IncludeProjection

from accounts.common_passwords import is_common
from sitewatch import settings
from sitewatch.callers import Role
from sitewatch.clock import Timestamp
from sitewatch.models import BaseModel
from sitewatch.tables import Model, TableMeta, TimeAttribute

MAX_PASSWORD_LENGTH = 128

Username = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{3,64}$")]


def _not_common(password: str) -> str:
    if settings.text("COMMON_PASSWORDS") == "refused" and is_common(password):
        raise ValueError("a password that attackers try first")
    return password


Password = Annotated[
    str,
    StringConstraints(min_length=settings.integer("PASSWORD_MIN_LENGTH"), max_length=MAX_PASSWORD_LENGTH),
    AfterValidator(_not_common),
]
Email = Annotated[
    str, StringConstraints(max_length=254, pattern=r"^[^@\s\x00-\x1f\x7f]+@[^@\s\x00-\x1f\x7f]+\.[^@\s\x00-\x1f\x7f]+$")
]
FullName = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$")]


class UsersByCreation(GlobalSecondaryIndex["UserRecord"]):
    """All users by id, which sorts by creation time; without their password hashes.

    One partition is enough: hashing a password takes tens of milliseconds, so sign-ups never reach a
    partition's limit of 1,000 writes per second.
    """

    class Meta:
        index_name = "by_creation"
        projection = IncludeProjection(["username", "created_at", "email", "full_name", "role", "disabled"])

    kind = UnicodeAttribute(hash_key=True)
    id = UnicodeAttribute(range_key=True)


class UserRecord(Model):
    """A user. The key is ``user#<id>``."""

    class Meta(TableMeta):
        table_name = settings.text("USERS_TABLE")

    key = UnicodeAttribute(hash_key=True)
    kind = UnicodeAttribute(default="user")
    id = UnicodeAttribute()
    username = UnicodeAttribute()
    password_hash = UnicodeAttribute()
    role = UnicodeAttribute()
    email = UnicodeAttribute(null=True)
    full_name = UnicodeAttribute(null=True)
    disabled = BooleanAttribute(default=False)
    generation = NumberAttribute(default=0)
    """The same as in ``sitewatch.user_status``: a login reads it together with the password's hash."""
    reset_hash = UnicodeAttribute(null=True)
    reset_expires_at: datetime | None = TimeAttribute(null=True)  # type: ignore[assignment]
    created_at: datetime = TimeAttribute()  # type: ignore[assignment]

    by_creation = UsersByCreation()


class UsernameClaim(Model):
    """Reserves a username for its user. The key, ``username#<lowercase name>``, makes names unique ignoring case."""

    class Meta(TableMeta):
        table_name = settings.text("USERS_TABLE")

    key = UnicodeAttribute(hash_key=True)
    user_id = UnicodeAttribute()


class SessionRecord(Model):
    """A session: a family of refresh tokens, of which only ``current`` is valid.

    ``previous`` is the refresh token that it replaced at ``refreshed_at``. The family's id is a ULID of the login.
    """

    class Meta(TableMeta):
        table_name = settings.text("SESSIONS_TABLE")

    family = UnicodeAttribute(hash_key=True)
    user_id = UnicodeAttribute()
    current = UnicodeAttribute()
    previous = UnicodeAttribute(null=True)
    refreshed_at: datetime = TimeAttribute()  # type: ignore[assignment]
    revoked = BooleanAttribute(default=False)
    expires_at = TTLAttribute()


class GuessRecord(Model):
    """The wrong guesses that a counter of ``guessing`` has seen lately. The id is a keyed hash of what it counts."""

    class Meta(TableMeta):
        table_name = settings.text("GUESSES_TABLE")

    id = UnicodeAttribute(hash_key=True)
    attempts: ListAttribute[Any] = ListAttribute(of=TimeAttribute, null=True)
    known_until: datetime | None = TimeAttribute(null=True)  # type: ignore[assignment]
    """Until when the account's owner is known to use the address."""
    expires_at = TTLAttribute()
    version = VersionAttribute()


class Credentials(BaseModel):
    """The username and password of a sign-up."""

    username: Username
    password: Password


class Profile(BaseModel):
    """The profile of a new user."""

    username: Username
    email: Email | None = None
    full_name: FullName | None = None


class NewUser(Profile, Credentials):
    """A user to create."""


class UserView(BaseModel):
    """A user as clients see it; never includes the password or its hash."""

    id: str
    username: str
    email: str | None
    full_name: str | None
    disabled: bool
    timestamp: Timestamp

    @classmethod
    def of(cls, user: UserRecord) -> "UserView":
        return cls(
            id=user.id,
            username=user.username,
            email=user.email,
            full_name=user.full_name,
            disabled=user.disabled,
            timestamp=user.created_at,
        )


class UserWithRole(UserView):
    """A user, with its role."""

    role: Role

    @classmethod
    def of(cls, user: UserRecord) -> "UserWithRole":
        return cls(role=Role(user.role), **UserView.of(user).model_dump())


class AccessToken(BaseModel):
    """An OAuth 2 token response (RFC 6749, section 5.1); ``expires_in`` is in seconds."""

    access_token: str
    token_type: str = "bearer"  # noqa: S105 - the scheme, not a secret
    expires_in: int


class TokenPair(AccessToken):
    """An access token and a single-use refresh token."""

    refresh_token: str
