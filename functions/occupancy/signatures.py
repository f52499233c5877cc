"""Signed webhooks: that a reading comes from who shares a secret with us, and came unchanged."""

import base64
import hashlib
import hmac
import time
from collections.abc import Mapping
from typing import Any

from sitewatch import aws, settings
from sitewatch.errors import BAD_TOKEN, ApiError

HEADER = "X-Signature-256"
_PREFIX = "sha256="

# A secret that was changed holds everywhere after this long.
_REMEMBER_SECONDS = 60.0

_read: tuple[float, bytes] | None = None


def check(event: Mapping[str, Any]) -> None:
    """Return where webhooks need no signature, or the event's body is signed with the secret.

    Raises
    ------
    ApiError
        401 where the signature is missing or wrong; the comparison takes the same time for every wrong one.

    """
    if not settings.text("WEBHOOK_SECRET_ARN"):
        return
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    given = headers.get(HEADER.lower())
    if not given:
        raise ApiError(BAD_TOKEN, f"Missing {HEADER} Header")
    body = (event.get("body") or "").encode("utf-8", "surrogatepass")
    if event.get("isBase64Encoded"):
        body = base64.b64decode(body)
    if not hmac.compare_digest(given.strip().lower().encode(), signature(_secret(), body).encode()):
        raise ApiError(BAD_TOKEN, "Signature verification failed")


def signature(secret: bytes, body: bytes) -> str:
    """The header's value for ``body``: ``sha256=`` and the HMAC in hexadecimal digits."""
    return _PREFIX + hmac.new(secret, body, hashlib.sha256).hexdigest()


def _secret() -> bytes:
    global _read  # noqa: PLW0603 - what an instance remembers between requests
    if _read is None or time.monotonic() - _read[0] > _REMEMBER_SECONDS:
        answer = aws.client("secretsmanager").get_secret_value(SecretId=settings.text("WEBHOOK_SECRET_ARN"))
        _read = time.monotonic(), answer["SecretString"].encode()
    return _read[1]
