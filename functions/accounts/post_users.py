"""POST /users: sign up."""

from accounts import credentials
from accounts.model import NewUser, UserView
from sitewatch.api import PUBLIC, Api
from sitewatch.errors import USERNAME_TAKEN
from sitewatch.idempotency import once

app = Api(access=PUBLIC, errors=[USERNAME_TAKEN])


@app.post("/users", status_code=201, summary="Sign up", tags=["accounts"])
def create_user(new_user: NewUser) -> UserView:
    """Create an account with the role ``user``. A taken username, in whatever letter case, is a 409."""
    return UserView(**once(app, lambda: UserView.of(credentials.create(new_user)).model_dump(mode="json")))


handler = app.resolve
