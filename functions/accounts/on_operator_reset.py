"""Issue a reset token to an operator with AWS credentials: `make admin USER=name`.

For the team that has lost the last administrator's password. The event has ``username``; the result has
``reset_token`` and ``expires_at``, or only ``error`` if there is no such user.
"""

from collections.abc import Mapping
from typing import Any

from accounts import password_changes, users
from sitewatch import audit, clock


def handler(event: Mapping[str, Any], context: object) -> dict[str, str]:
    """Issue the token, and log it as issued by an operator."""
    user = users.by_username(str(event["username"]))
    if user is None:
        return {"error": "there is no such user"}
    token, expires_at = password_changes.issue_reset(user.id, audit.OPERATOR)
    return {"reset_token": token, "expires_at": clock.format_time(expires_at)}
