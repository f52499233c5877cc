"""Signatures of webhooks: prove that the sender knows the shared secret, and that the body is unchanged."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

from sitewatch import secrets, settings
from sitewatch.errors import BAD_TOKEN, ApiError

HEADER = "X-Signature-256"
_PREFIX = "sha256="


def check(event: Mapping[str, Any]) -> None:
    """Check the signature of the event's body, if the deployment has a webhook secret.

    Raises
    ------
    ApiError
        401 if the signature is missing or wrong. The comparison takes constant time.

    """
    secret_arn = settings.text("WEBHOOK_SECRET_ARN")
    if not secret_arn:
        return
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    received = headers.get(HEADER.lower())
    if not received:
        raise ApiError(BAD_TOKEN, f"Missing {HEADER} Header")
    body = (event.get("body") or "").encode("utf-8", "surrogatepass")
    if event.get("isBase64Encoded"):
        body = base64.b64decode(body)
    if not hmac.compare_digest(
        received.strip().lower().encode(), signature(secrets.cached(secret_arn).encode(), body).encode()
    ):
        raise ApiError(BAD_TOKEN, "Signature verification failed")


def signature(secret: bytes, body: bytes) -> str:
    """The value of the header for ``body``: ``sha256=`` and the HMAC in hexadecimal."""
    return _PREFIX + hmac.new(secret, body, hashlib.sha256).hexdigest()
