"""``Idempotency-Key``: the same key and body within 24 hours write once and get the first answer again."""

import hashlib
import hmac
from collections.abc import Callable
from typing import Any

from sitewatch.api import Api
from sitewatch.errors import TOO_MANY_REQUESTS, ApiError, invalid_field

HEADER = "Idempotency-Key"
_LONGEST_KEY = 255


def key_of(app: Api) -> str | None:
    """The current request's ``Idempotency-Key``, if it has one.

    Raises
    ------
    ApiError
        400 where it is not 1 to 255 printable characters.

    """
    key = app.current_event.headers.get(HEADER.lower())
    if key is not None and not (1 <= len(key) <= _LONGEST_KEY and key.isprintable()):
        raise invalid_field(HEADER, f"1 to {_LONGEST_KEY} printable characters")
    return key


def scope_of(app: Api) -> list[str]:
    """What a key is good for: the same key from another caller, or on another path, is another one."""
    return [app.current_event.http_method, app.current_event.path, app.caller.subject if app.caller else ""]


def once(app: Api, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Do ``work`` for the current request, or give the answer that its first delivery got.

    Parameters
    ----------
    app
        The function's API, in the middle of a request.
    work
        Does what the request asks and gives its answer (JSON data). It must not be run again for
        the same key; an exception that it raises is not remembered.

    Raises
    ------
    ApiError
        400 where the key came with another body before or is not 1 to 255 printable characters; 429 where
        the first delivery has not ended yet.

    """
    key = key_of(app)
    if key is None:
        return work()
    # Only here: see ``remembering`` for what it costs.
    from sitewatch.remembering import OtherBody, StillAnswering, remembered  # noqa: PLC0415

    request = {
        "scope": scope_of(app),
        "key": key,
        # Keyed with what the table does not hold: a body may have a password in it.
        "fingerprint": hmac.new(key.encode(), (app.current_event.body or "").encode(), hashlib.sha256).hexdigest(),
    }
    try:
        return remembered(request, work, app.lambda_context)
    except OtherBody:
        raise invalid_field(HEADER, "this key came with another body before") from None
    except StillAnswering:
        raise ApiError(TOO_MANY_REQUESTS, "the first request with this key is still being answered") from None
