"""The Ed25519 key pair that signs tokens, derived from a secret.

Only functions that issue tokens, and the custom resource that publishes the public key, import this.
"""

import hashlib
from functools import cache

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.utils import base64url_encode

from sitewatch import secrets, settings


def signing_key(secret: str) -> Ed25519PrivateKey:
    """Derive the private key from ``secret``, which has high entropy (Secrets Manager generates it)."""
    derivation = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"sitewatch token signing key")
    return Ed25519PrivateKey.from_private_bytes(derivation.derive(secret.encode()))


def _raw(key: Ed25519PublicKey) -> bytes:
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def key_id(key: Ed25519PublicKey) -> str:
    """The id (``kid``) of a public key: a hash of the key, so that no two keys share an id."""
    return hashlib.sha256(_raw(key)).hexdigest()[:16]


def public_jwk(key: Ed25519PublicKey) -> dict[str, str]:
    """The public key as a JSON Web Key (RFC 8037)."""
    return {
        "kty": "OKP",
        "crv": "Ed25519",
        "x": base64url_encode(_raw(key)).decode(),
        "kid": key_id(key),
        "use": "sig",
        "alg": "EdDSA",
    }


def deployed_key(version: str | None) -> Ed25519PrivateKey:
    """The key of a version of the deployed secret; ``None`` means the current version."""
    return signing_key(secrets.fetch(settings.text("TOKEN_SECRET"), version_id=version))


@cache
def current_signing_key() -> Ed25519PrivateKey:
    """The deployed signing key; fetched from Secrets Manager once per function instance.

    During a rotation two keys are valid, and the template says which one signs: the secret's current version may be the
    new one before every function accepts it.
    """
    return deployed_key(next(iter(settings.names("TOKEN_KEY_VERSIONS")), None))
