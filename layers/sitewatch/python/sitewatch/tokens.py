"""Verify JSON Web Tokens, without any network call."""

from datetime import timedelta
from functools import cache

import jwt

from sitewatch import settings
from sitewatch.callers import ALL_SCOPES, Caller, Role, Scope, TokenUse

AUDIENCE = "sitewatch"
ALGORITHM = "EdDSA"
ACCESS_LIFETIME = timedelta(minutes=30)


class TokenRefused(Exception):
    """The token is invalid or has expired. The message is for the client."""


@cache
def _public_keys() -> dict[str, jwt.PyJWK]:
    key_set = jwt.PyJWKSet.from_json(settings.text("TOKEN_PUBLIC_KEYS"))
    return {key.key_id: key for key in key_set.keys if key.key_id is not None}


def issuer() -> str:
    """The ``iss`` of this deployment's tokens. Tokens of other deployments are refused."""
    return settings.text("TOKEN_ISSUER")


def verify(token: str) -> Caller:
    """Check the signature, expiry, issuer, audience and claims of ``token``, and return its caller.

    Raises
    ------
    TokenRefused
        With the message that the contract requires.

    """
    try:
        key = _public_keys().get(jwt.get_unverified_header(token).get("kid", ""))
        if key is None:
            raise TokenRefused("Signature verification failed")
        claims = jwt.decode(
            token,
            key=key,
            algorithms=[ALGORITHM],
            audience=AUDIENCE,
            issuer=issuer(),
            options={"require": ["exp", "iat", "sub", "jti", "iss", "aud"]},
        )
        return Caller(
            subject=claims["sub"],
            username=claims.get("username", ""),
            role=Role(claims.get("role", "")),
            use=TokenUse(claims.get("use", "")),
            token_id=claims["jti"],
            family=claims.get("family"),
            generation=claims.get("generation", 0),
            scopes=frozenset(map(Scope, claims["scopes"])) if "scopes" in claims else ALL_SCOPES,
            source=claims.get("source"),
            created_by=claims.get("created_by"),
        )
    except jwt.ExpiredSignatureError:
        raise TokenRefused("Token has expired") from None
    except jwt.PyJWTError as error:
        raise TokenRefused(str(error)) from None
    except ValueError:
        # A valid signature, but a role, use or scope that this version does not know.
        raise TokenRefused("Unknown role, use or scope") from None
