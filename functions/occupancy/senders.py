"""Who may report readings: machines with a token, senders with the shared secret, or everybody."""

from collections.abc import Mapping
from typing import Any

from occupancy import signatures
from sitewatch import settings
from sitewatch.api import MACHINES_AND_ADMINS
from sitewatch.callers import Caller, Role, Scope, TokenUse

SIGNER = Caller("signer", "signer", Role.MACHINE, TokenUse.API, "signature")
"""Stands for everybody who knows the secret."""


def identify(event: Mapping[str, Any]) -> Caller | None:
    """Return the sender of the event; ``None`` if the deployment accepts readings from everybody.

    Raises
    ------
    ApiError
        401 without a valid token or signature, 403 for the token of a person who is no administrator.

    """
    secret_id = settings.text("WEBHOOK_SECRET_ARN")
    if not secret_id and settings.text("PUBLIC_READINGS") == "on":
        return None
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    if secret_id and "authorization" not in headers:
        signatures.check(event, secret_id)
        return SIGNER
    # Not at the top: it imports cryptography, which public and signed readings do not need.
    from sitewatch.authentication import authenticate  # noqa: PLC0415

    return authenticate(headers.get("authorization"), access=MACHINES_AND_ADMINS.for_scope(Scope.READINGS))
