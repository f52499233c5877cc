"""The Ed25519 key pair that signs tokens, derived from one secret.

Only functions that issue tokens (and the custom resource that publishes the public half) import this.
"""

import hashlib
from functools import cache

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.utils import base64url_encode

from sitewatch import aws, settings


def signing_key(secret: str) -> Ed25519PrivateKey:
    """The private key that ``secret`` (of high entropy, as Secrets Manager generates) stands for."""
    derivation = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"sitewatch token signing key")
    return Ed25519PrivateKey.from_private_bytes(derivation.derive(secret.encode()))


def _raw(key: Ed25519PublicKey) -> bytes:
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def key_id(key: Ed25519PublicKey) -> str:
    """The id (``kid``) of a public key: it follows from the key, so that no two keys share one."""
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
    """The key that a version of the deployed secret stands for; of None, the current version."""
    which = {} if version is None else {"VersionId": version}
    answer = aws.client("secretsmanager").get_secret_value(SecretId=settings.text("TOKEN_SECRET"), **which)
    return signing_key(answer["SecretString"])


@cache
def current_signing_key() -> Ed25519PrivateKey:
    """The deployed signing key; read from Secrets Manager once per function instance.

    While a key is being replaced two are valid, and the template says which one signs: the secret's own label may have
    moved when not every function accepts the new one.
    """
    return deployed_key(next(iter(settings.names("TOKEN_KEY_VERSIONS")), None))
