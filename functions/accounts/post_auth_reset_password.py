"""POST /auth/reset-password: set a new password with a reset token."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from pydantic import StringConstraints

from accounts import password_changes
from accounts.model import Password
from sitewatch.api import PUBLIC, Api
from sitewatch.errors import BAD_TOKEN, TOO_MANY_REQUESTS
from sitewatch.models import BaseModel

app = Api(access=PUBLIC, errors=[BAD_TOKEN, TOO_MANY_REQUESTS])


class PasswordReset(BaseModel):
    """The reset token that an administrator has issued, and the new password."""

    reset_token: Annotated[str, StringConstraints(min_length=1, max_length=256)]
    new_password: Password


@app.post("/auth/reset-password", status_code=204, summary="Set a new password with a reset token", tags=["accounts"])
def reset_password(reset: PasswordReset) -> Response[None]:
    """Ends every session of the user. A token that is unknown, used or expired is a 401."""
    password_changes.reset(reset.reset_token, reset.new_password, app.origin)
    return Response(status_code=204)


handler = app.resolve
