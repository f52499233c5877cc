"""Send a sample event to the events endpoint as a device does: over HTTP, with an API token."""

import json
from enum import Enum
from typing import Any

from sitewatch import http_client, secrets, settings
from sitewatch.http_client import Request, RequestFailed


class Outcome(Enum):
    """The result of sending an event; the value is the metric that counts it."""

    SENT = "EventsSent"
    REFUSED = "EventsRefused"
    FAILED = "EventsFailed"


def send(sample: dict[str, Any], second: int) -> tuple[Outcome, str]:
    """Send ``sample``, the sample event of ``second``, and return the outcome and its reason.

    A 400 is final. Anything else but a 200 may be temporary, so it is ``FAILED`` and should be retried; the
    ``Idempotency-Key`` prevents duplicates.
    """
    token_secret = settings.text("SENDER_TOKEN_SECRET")
    request = Request(
        settings.text("EVENT_TARGET_URL"),
        method="POST",
        headers={
            "Authorization": f"Bearer {secrets.cached(token_secret)}",
            "Content-Type": "application/json",
            "Idempotency-Key": f"sample-{second}",
        },
        body=json.dumps(sample).encode(),
    )
    try:
        status = http_client.send(request).status
    except RequestFailed as failure:
        return Outcome.FAILED, str(failure)
    if status == 200:
        return Outcome.SENT, "200"
    if status == 400:
        return Outcome.REFUSED, "400"
    if status == 401:
        secrets.forget(token_secret)
    return Outcome.FAILED, str(status)
