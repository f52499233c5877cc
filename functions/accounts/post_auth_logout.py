"""POST /auth/logout: end this session, or all of the caller's."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from pydantic import Field

from accounts import administration, sessions
from sitewatch.api import USERS, Api
from sitewatch.audit import Action
from sitewatch.errors import TOO_MANY_REQUESTS, USER_NOT_FOUND
from sitewatch.models import BaseModel

app = Api(access=USERS.checked_now(), errors=[TOO_MANY_REQUESTS, USER_NOT_FOUND])


class Logout(BaseModel):
    """Which sessions to end."""

    everywhere: Annotated[bool, Field(strict=True)] = False


@app.post("/auth/logout", status_code=204, summary="Log out", tags=["accounts"])
def log_out(logout: Logout | None = None) -> Response[None]:
    """Ends this session, or with ``everywhere`` all of the caller's.

    Every token of a session that ended is refused within 30 seconds, and at once on routes for admins.
    """
    caller = app.require_caller()
    # An access token from before sessions were in it cannot name its own.
    if caller.family is None or (logout is not None and logout.everywhere):
        administration.log_out_everywhere(caller, app.origin)
    else:
        sessions.end(caller.subject, caller.family, Action.LOGGED_OUT, app.origin)
    return Response(status_code=204)


handler = app.resolve
