"""Signatures of readings: prove that the sender knows the shared secret, and that the reading is new and unchanged."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sitewatch import clock, secrets
from sitewatch.attempts import remember
from sitewatch.errors import BAD_TOKEN, ApiError
from sitewatch.idempotency import HEADER as KEY_HEADER
from sitewatch.idempotency import entry_prefix
from sitewatch.keyed_hash import keyed_hash

HEADER = "X-Signature-256"
TIME_HEADER = "X-Signature-Timestamp"
MAX_AGE = timedelta(minutes=5)
"""How far a signature's time may be from now, in both directions."""
_PREFIX = "sha256="
_KEEP = 3 * MAX_AGE


def check(event: Mapping[str, Any], secret_id: str) -> None:
    """Check the event's signature, which is valid once.

    Raises
    ------
    ApiError
        401 if the signature or its time is missing, wrong or too far from now, or if it was used already. The
        comparison takes constant time.

    """
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    received, time = (_required(headers, name) for name in (HEADER, TIME_HEADER))
    now = clock.now()
    if not time.isascii() or not time.isdecimal() or abs(now - _time(time)) > MAX_AGE:
        raise ApiError(BAD_TOKEN, f"{TIME_HEADER} is not within 5 minutes of now")
    body = (event.get("body") or "").encode("utf-8", "surrogatepass")
    if event.get("isBase64Encoded"):
        body = base64.b64decode(body)
    expected = signature(secrets.cached(secret_id).encode(), time, headers.get(KEY_HEADER.lower(), ""), body)
    if not hmac.compare_digest(received.lower().encode(), expected.encode()):
        raise ApiError(BAD_TOKEN, "Signature verification failed")
    used = f"{entry_prefix(event)}#signature#{keyed_hash('signature', expected)}"
    if remember(used, now, _KEEP) is not None:
        raise ApiError(BAD_TOKEN, "Signature has been used")


def signature(secret: bytes, time: str, key: str, body: bytes) -> str:
    """The value of the header: ``sha256=`` and the HMAC in hexadecimal of the time, the key and the body.

    Each is on a line of its own. ``time`` is in Unix seconds; ``key`` is the ``Idempotency-Key``, or empty.
    """
    signed = f"{time}\n{key}\n".encode("utf-8", "surrogatepass") + body
    return _PREFIX + hmac.new(secret, signed, hashlib.sha256).hexdigest()


def _required(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name.lower(), "").strip()
    if not value:
        raise ApiError(BAD_TOKEN, f"Missing {name} Header")
    return value


def _time(text: str) -> datetime:
    try:
        return datetime.fromtimestamp(int(text[:12]), UTC)
    except (ValueError, OverflowError):
        return clock.EARLIEST
