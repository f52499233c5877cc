"""``Idempotency-Key``: within 24 hours, the same key and body write once and get the first response again."""

import hashlib
import hmac
from collections.abc import Callable
from typing import Any

from sitewatch.api import Api
from sitewatch.errors import TOO_MANY_REQUESTS, ApiError, invalid_field

HEADER = "Idempotency-Key"
_MAX_KEY_LENGTH = 255


def request_key(app: Api) -> str | None:
    """The current request's ``Idempotency-Key``, or ``None`` if it has none.

    Raises
    ------
    ApiError
        400 if it is not 1 to 255 printable characters.

    """
    key = app.current_event.headers.get(HEADER.lower())
    if key is not None and not (1 <= len(key) <= _MAX_KEY_LENGTH and key.isprintable()):
        raise invalid_field(HEADER, f"1 to {_MAX_KEY_LENGTH} printable characters")
    return key


def request_scope(app: Api) -> list[str]:
    """The scope of a key: for another method, path or caller, the same key is a different one."""
    return [app.current_event.http_method, app.current_event.path, app.caller.subject if app.caller else ""]


def once(app: Api, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Call ``work`` for the current request, or return the result of the first request with the same key.

    Parameters
    ----------
    app
        The function's API, while it handles a request.
    work
        Handles the request and returns its result (JSON data). An exception that it raises is not stored, so that
        the next request with the key runs it again.

    Raises
    ------
    ApiError
        400 if the key was already used with a different body or is not 1 to 255 printable characters; 429 if the
        first request has not finished yet.

    """
    key = request_key(app)
    if key is None:
        return work()
    # Only imported when needed: see ``idempotency_store`` for the cost.
    from sitewatch.idempotency_store import DifferentBody, StillRunning, run_once  # noqa: PLC0415

    request = {
        "scope": request_scope(app),
        "key": key,
        # A keyed hash, and the table does not hold the key: the body may contain a password.
        "fingerprint": hmac.new(key.encode(), (app.current_event.body or "").encode(), hashlib.sha256).hexdigest(),
    }
    try:
        return run_once(request, work, app.lambda_context)
    except DifferentBody:
        raise invalid_field(HEADER, "this key was already used with a different body") from None
    except StillRunning:
        raise ApiError(TOO_MANY_REQUESTS, "the first request with this key is still running") from None
