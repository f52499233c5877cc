"""GET /users: list users, oldest first."""

from typing import Self

from aws_lambda_powertools.event_handler import Response

from accounts import users
from accounts.model import UserRecord
from sitewatch.api import Api
from sitewatch.callers import Role
from sitewatch.clock import Timestamp
from sitewatch.ids import UlidText
from sitewatch.models import BaseModel
from sitewatch.paging import Limit, paged
from sitewatch.tables import views

app = Api(body_as_query=True)


class ListedUser(BaseModel):
    """A user in a list."""

    id: str
    timestamp: Timestamp
    username: str

    @classmethod
    def of(cls, user: UserRecord) -> Self:
        fields = {name: getattr(user, name) for name in cls.model_fields if name != "timestamp"}
        return cls(timestamp=user.created_at, **fields)


class ListedUserForAdmins(ListedUser):
    """A user in an administrator's list."""

    email: str | None
    full_name: str | None
    role: Role
    disabled: bool


class Users(BaseModel):
    """A page of users."""

    users: list[ListedUserForAdmins | ListedUser]


@app.get("/users", summary="List users, oldest first", tags=["accounts"])
def list_users(start: UlidText | None = None, limit: Limit = 100) -> Response[Users]:
    """``start`` is the id of the last user on the previous page. Administrators also see roles and profiles."""
    found, end = users.oldest_first(start, limit)
    view = ListedUserForAdmins if app.require_caller().role is Role.ADMIN else ListedUser
    return paged(Users(users=views(view.of, found)), {"start": end, "limit": limit} if end else None)


handler = app.resolve
