"""POST /users/{user_id}/password-reset: issue a token with which a user can set a new password."""

from pydantic import Field

from accounts import password_changes
from accounts.parameters import UserIdInPath
from sitewatch.api import ADMINS, Api
from sitewatch.clock import Timestamp
from sitewatch.errors import TOO_MANY_REQUESTS, USER_NOT_FOUND
from sitewatch.models import BaseModel

app = Api(access=ADMINS, errors=[USER_NOT_FOUND, TOO_MANY_REQUESTS])


class ResetToken(BaseModel):
    """A reset token. No other response ever contains it."""

    reset_token: str = Field(description="For POST /auth/reset-password, once.")
    expires_at: Timestamp


@app.post("/users/<user_id>/password-reset", status_code=201, summary="Issue a reset token", tags=["accounts"])
def issue_reset_token(user_id: UserIdInPath) -> ResetToken:
    """The token works once, within 24 hours, and replaces an earlier one. The old password works until then."""
    token, expires_at = password_changes.issue_reset(user_id, app.origin)
    return ResetToken(reset_token=token, expires_at=expires_at)


handler = app.resolve
