"""PATCH /users/{user_id}: change a user's role, disable it, or change its profile."""

from typing import Annotated, Literal

from pydantic import Field

from accounts import administration
from accounts.model import Email, FullName, UserWithRole
from accounts.parameters import UserIdInPath
from sitewatch.api import ADMINS, Api
from sitewatch.callers import Role
from sitewatch.errors import CONFLICT, TOO_MANY_REQUESTS, USER_NOT_FOUND
from sitewatch.models import BaseModel

app = Api(access=ADMINS, errors=[USER_NOT_FOUND, CONFLICT, TOO_MANY_REQUESTS])


class UserChange(BaseModel):
    """The fields to change; those that are left out stay. ``null`` removes an email address or a full name."""

    role: Literal[Role.USER, Role.ADMIN] = Role.USER
    disabled: Annotated[bool, Field(strict=True)] = False
    email: Email | None = None
    full_name: FullName | None = None


@app.patch("/users/<user_id>", summary="Change a user", tags=["accounts"])
def change_user(user_id: UserIdInPath, change: UserChange) -> UserWithRole:
    """Every token that the user has obeys within 30 seconds, and at once on routes for admins.

    Disabling a user ends its sessions, and the API tokens that it made are refused while it is disabled. The last
    enabled administrator stays one: 409.
    """
    fields = change.model_dump(mode="json", exclude_unset=True)
    return UserWithRole.of(administration.change(user_id, fields, app.origin))


handler = app.resolve
