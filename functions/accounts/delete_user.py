"""DELETE /users/{user_id}: delete a user."""

from aws_lambda_powertools.event_handler import Response

from accounts import administration
from accounts.parameters import UserIdInPath
from sitewatch.api import ADMINS, Api
from sitewatch.errors import CONFLICT, TOO_MANY_REQUESTS, USER_NOT_FOUND

app = Api(access=ADMINS, errors=[USER_NOT_FOUND, CONFLICT, TOO_MANY_REQUESTS])


@app.delete("/users/<user_id>", status_code=204, summary="Delete a user", tags=["accounts"])
def delete_user(user_id: UserIdInPath) -> Response[None]:
    """Deletes the account, its sessions and the API tokens it made. Its messages stay under its id.

    The last enabled administrator cannot be deleted: 409.
    """
    administration.delete(user_id, app.origin)
    return Response(status_code=204)


handler = app.resolve
