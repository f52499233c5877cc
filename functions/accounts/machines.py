"""Issue API tokens to machines."""

from datetime import timedelta

from accounts.issuing import sign
from sitewatch import clock, keys
from sitewatch.api_tokens import ApiTokenRecord
from sitewatch.callers import Caller, Role, TokenUse


def issue(token_id: str, name: str, *, created_by: str, lifetime: timedelta) -> tuple[ApiTokenRecord, str]:
    """Issue a token. Return its stored record and the token text, which is not stored."""
    created_at = clock.now().replace(microsecond=0)
    token = ApiTokenRecord(
        id=token_id,
        name=name,
        created_by=created_by,
        key_id=keys.key_id(keys.current_signing_key().public_key()),
        created_at=created_at,
        expires_at=created_at + lifetime,
    )
    token.save()
    signed = sign(Caller(token.id, token.name, Role.MACHINE, TokenUse.API, token.id), expires_at=token.expires_at)
    return token, signed
