"""``Idempotency-Key``: within 24 hours, the same key and body write once and get the first response again."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from pydantic_core import from_json

from sitewatch.api import Api
from sitewatch.errors import TOO_MANY_REQUESTS, ApiError, invalid_field
from sitewatch.keyed_hash import keyed_hash

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


def entry_prefix(event: Mapping[str, Any]) -> str:
    """The start of the ids of a route's entries. The template lets a function read and write only its own."""
    return f"{event['httpMethod']} {event['resource']}"


def request_name(app: Api) -> str | None:
    """A name of the current request that no other caller's request has, or ``None`` without an ``Idempotency-Key``.

    The same request of the same caller has it again. It is a keyed hash, and not of a password.
    """
    key = request_key(app)
    return None if key is None else keyed_hash("request", *_scope(app), key, _content(app))


def _scope(app: Api) -> list[str]:
    """The scope of a key: for another method, path or caller, the same key is a different one.

    Anonymous callers are told apart by their address, so that nobody can use up the keys of others.
    """
    caller = ["subject", app.caller.subject] if app.caller else ["address", app.address]
    return [app.current_event.http_method, app.current_event.path, *caller]


def _content(app: Api) -> str:
    """The request's body, without its password if it has one."""
    body = app.current_event.body or ""
    try:
        parsed = from_json(body)
    except ValueError:
        return body
    if not isinstance(parsed, dict) or "password" not in parsed:
        return body
    return json.dumps({name: value for name, value in parsed.items() if name != "password"}, sort_keys=True)


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
        400 if the key was already used with a different body (passwords are not compared) or is not 1 to 255
        printable characters; 429 if the first request has not finished yet.

    """
    key = request_key(app)
    if key is None:
        return work()
    # Only imported when needed: see ``idempotency_store`` for the cost.
    from sitewatch.idempotency_store import DifferentBody, StillRunning, run_once  # noqa: PLC0415

    request = {
        "key": keyed_hash("key", *_scope(app), key),
        "fingerprint": keyed_hash("body", *_scope(app), key, _content(app)),
    }
    try:
        return run_once(entry_prefix(app.current_event.raw_event), request, work, app.lambda_context)
    except DifferentBody:
        raise invalid_field(HEADER, "this key was already used with a different body") from None
    except StillRunning:
        raise ApiError(TOO_MANY_REQUESTS, "the first request with this key is still running") from None
