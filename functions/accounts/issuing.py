"""Sign tokens. Only functions that issue tokens import this module and may read the signing secret."""

from datetime import datetime, timedelta
from typing import Any

import jwt

from sitewatch import clock, keys
from sitewatch.callers import Caller
from sitewatch.tokens import ALGORITHM, AUDIENCE, issuer

REFRESH_LIFETIME = timedelta(days=7)


def sign(caller: Caller, *, expires_at: datetime, issued_at: datetime | None = None) -> str:
    """Return a signed token for ``caller`` that is valid until ``expires_at``; the same for the same arguments."""
    key = keys.current_signing_key()
    claims: dict[str, Any] = {
        "iss": issuer(),
        "aud": AUDIENCE,
        "sub": caller.subject,
        "username": caller.username,
        "role": caller.role.value,
        "use": caller.use.value,
        "jti": caller.token_id,
        "iat": issued_at or clock.now(),
        "exp": expires_at,
    }
    if caller.is_machine:
        claims |= {"scopes": sorted(caller.scopes), "source": caller.source, "created_by": caller.created_by}
    else:
        claims |= {"family": caller.family, "generation": caller.generation}
    return jwt.encode(claims, key, algorithm=ALGORITHM, headers={"kid": keys.key_id(key.public_key())})
