"""Send a sample event to where events go, as any device does: over HTTP, with an API token."""

import json
import time
from enum import Enum
from typing import Any

from sitewatch import aws, settings
from sitewatch.http_client import Call, CallFailed, answer_to

# A token that was minted anew is used everywhere after this long.
_REMEMBER_SECONDS = 60.0

_read: tuple[float, str] | None = None


class Outcome(Enum):
    """What became of an event that was sent; the value is the metric that counts it."""

    SENT = "EventsSent"
    REFUSED = "EventsRefused"
    FAILED = "EventsFailed"


def send(sample: dict[str, Any], second: int) -> tuple[Outcome, str]:
    """Send ``sample``, the one of a second; what became of it, and why.

    A 400 is the receiver's last word on an event. Everything else that is not a 200 may pass: it is to be tried
    again. The receiver tells the same event from another by its ``Idempotency-Key``.
    """
    call = Call(
        settings.text("EVENT_TARGET_URL"),
        method="POST",
        headers={
            "Authorization": f"Bearer {_token()}",
            "Content-Type": "application/json",
            "Idempotency-Key": f"sample-{second}",
        },
        body=json.dumps(sample).encode(),
    )
    try:
        status = answer_to(call).status
    except CallFailed as failure:
        return Outcome.FAILED, str(failure)
    if status == 200:
        return Outcome.SENT, "200"
    if status == 400:
        return Outcome.REFUSED, "400"
    if status == 401:
        _forget_token()
    return Outcome.FAILED, str(status)


def _token() -> str:
    global _read  # noqa: PLW0603 - what an instance remembers between events
    if _read is None or time.monotonic() - _read[0] > _REMEMBER_SECONDS:
        answer = aws.client("secretsmanager").get_secret_value(SecretId=settings.text("SENDER_TOKEN_SECRET"))
        _read = time.monotonic(), answer["SecretString"]
    return _read[1]


def _forget_token() -> None:
    global _read  # noqa: PLW0603
    _read = None
