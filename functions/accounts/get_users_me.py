"""GET /users/me: the caller's account."""

from accounts import users
from accounts.model import UserWithRole
from sitewatch.api import Api
from sitewatch.errors import USER_NOT_FOUND, ApiError

app = Api(errors=[USER_NOT_FOUND])


@app.get("/users/me", summary="Who am I?", tags=["accounts"])
def get_caller() -> UserWithRole:
    """The user the access token belongs to, with its role."""
    user = users.by_id(app.require_caller().subject)
    if user is None:
        raise ApiError(USER_NOT_FOUND)
    return UserWithRole.of(user)


handler = app.resolve
