"""PUT /users/me/password: change one's own password."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from pydantic import StringConstraints

from accounts import password_changes
from accounts.model import MAX_PASSWORD_LENGTH, Password
from sitewatch.api import USERS, Api
from sitewatch.errors import BAD_CREDENTIALS, BAD_TOKEN, TOO_MANY_REQUESTS, USER_NOT_FOUND
from sitewatch.models import BaseModel

app = Api(access=USERS.checked_now(), errors=[BAD_CREDENTIALS, BAD_TOKEN, USER_NOT_FOUND, TOO_MANY_REQUESTS])


class PasswordChange(BaseModel):
    """The caller's current password, and the new one."""

    current_password: Annotated[str, StringConstraints(max_length=MAX_PASSWORD_LENGTH)]
    new_password: Password


@app.put("/users/me/password", status_code=204, summary="Change your password", tags=["accounts"])
def change_password(change: PasswordChange) -> Response[None]:
    """Ends every other session of the caller. A wrong current password is a 401 (4131)."""
    caller = app.require_caller()
    password_changes.change_own(caller, change.current_password, change.new_password, app.origin)
    return Response(status_code=204)


handler = app.resolve
