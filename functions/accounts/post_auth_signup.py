"""POST /auth/signup: sign up with only a username and a password."""

from accounts import credentials
from accounts.model import Credentials, NewUser
from sitewatch.api import PUBLIC, Api
from sitewatch.errors import USERNAME_TAKEN
from sitewatch.models import BaseModel

app = Api(access=PUBLIC, errors=[USERNAME_TAKEN])


class SignedUp(BaseModel):
    """The new user."""

    username: str


@app.post("/auth/signup", status_code=201, summary="Sign up with a name and a password", tags=["accounts"])
def sign_up(new: Credentials) -> SignedUp:
    """Creates an account with the role ``user``. A taken username (ignoring case) is a 409."""
    user = credentials.create(NewUser(username=new.username, password=new.password), app.origin)
    return SignedUp(username=user.username)


handler = app.resolve
