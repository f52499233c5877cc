"""Tokens: which are valid, and the errors for those that are not."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from accounts import issuing
from sitewatch import clock, ids, keys, settings, tokens
from sitewatch.callers import Caller, Role, TokenUse
from sitewatch.tokens import TokenRefused
from tests.world.calling import access_token, call
from tests.world.settings import SIGNING_SECRET


@pytest.fixture(autouse=True)
def world(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests need no tables, and only the signing secret."""
    monkeypatch.setattr(keys, "current_signing_key", _key)


def _key() -> Ed25519PrivateKey:
    return keys.signing_key(SIGNING_SECRET)


def _claims(**changed: object) -> dict[str, Any]:
    claims = {
        "iss": tokens.issuer(),
        "aud": tokens.AUDIENCE,
        "sub": ids.new_id(),
        "username": "someone",
        "role": "user",
        "use": "access",
        "jti": ids.new_id(),
        "iat": clock.now(),
        "exp": clock.now() + timedelta(minutes=5),
        **changed,
    }
    return {name: value for name, value in claims.items() if value is not None}


def _signed(
    key: Any = None, algorithm: str = "EdDSA", headers: Mapping[str, Any] | None = None, **changed: object
) -> str:
    kid = keys.key_id(_key().public_key())
    return jwt.encode(_claims(**changed), key or _key(), algorithm=algorithm, headers={"kid": kid, **(headers or {})})


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _encoded(header: object, payload: object, signature: bytes = b"") -> str:
    parts = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, payload, signature)]
    return ".".join(_base64(part) for part in parts)


def _signed_with_the_public_key_as_a_secret() -> str:
    """A classic attack: HS256 with the public key as its secret. PyJWT refuses to create such a token."""
    raw = _key().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    claims = {name: value if isinstance(value, str) else int(value.timestamp()) for name, value in _claims().items()}
    unsigned = _encoded({"alg": "HS256", "typ": "JWT", "kid": keys.key_id(_key().public_key())}, claims).rstrip(".")
    return f"{unsigned}.{_base64(hmac.digest(raw, unsigned.encode(), hashlib.sha256))}"


def _tampered() -> str:
    header, _, signature = _signed().split(".")
    payload = {**jwt.decode(_signed(), options={"verify_signature": False}), "role": "admin"}
    return f"{header}.{_encoded(payload, {}).split('.')[0]}.{signature}"


def _unsigned() -> str:
    return jwt.encode(_claims(), "", algorithm="none", headers={"kid": keys.key_id(_key().public_key())})


def _of_another_session() -> str:
    caller = Caller(ids.new_id(), "someone", Role.USER, TokenUse.REFRESH, ids.new_id(), ids.new_id())
    return issuing.sign(caller, expires_at=clock.now() + timedelta(minutes=5))


# Reasons that the contract specifies exactly.
EXACT: dict[str, tuple[Callable[[], str], str]] = {
    "garbage": (lambda: "garbage", "Not enough segments"),
    "two segments": (lambda: "a.b", "Not enough segments"),
    "nothing": (lambda: "", "Not enough segments"),
    "expired": (lambda: _signed(exp=clock.now() - timedelta(seconds=1)), "Token has expired"),
    "tampered": (_tampered, "Signature verification failed"),
    "another key": (lambda: _signed(Ed25519PrivateKey.generate()), "Signature verification failed"),
    "an unknown kid": (lambda: _signed(headers={"kid": "unknown"}), "Signature verification failed"),
    "a refresh token": (_of_another_session, "Only access tokens are allowed"),
}
# Tokens that PyJWT rejects with reasons of its own.
OTHERS: dict[str, Callable[[], str]] = {
    "algorithm none": _unsigned,
    "HS256 with the public key": _signed_with_the_public_key_as_a_secret,
    "another issuer": lambda: _signed(iss="another deployment"),
    "another audience": lambda: _signed(aud="elsewhere"),
    "no audience": lambda: _signed(aud=None),
    "no expiry": lambda: _signed(exp=None),
    "no id": lambda: _signed(jti=None),
    "not valid yet": lambda: _signed(nbf=clock.now() + timedelta(minutes=1)),
    "an unknown role": lambda: _signed(role="owner"),
    "no role": lambda: _signed(role=None),
    "an unknown use": lambda: _signed(use="everything"),
    "no kid": lambda: _encoded({"alg": "EdDSA"}, {}, b"x"),
    "a kid that is no text": lambda: _encoded({"alg": "EdDSA", "kid": ["x"]}, {}, b"x"),
    "a header that is no object": lambda: _encoded([], {}),
    "a header that is no JSON": lambda: _encoded(b"\xff", {}),
    "a header of a great depth": lambda: _encoded(b"[" * 5000, {}),
    "four segments": lambda: _signed() + ".more",
    "no text of ASCII": lambda: "é.ü.ö",
}


@pytest.mark.parametrize("case", EXACT)
def test_a_rejected_token_gets_the_reason_in_the_contract(case: str) -> None:
    make, reason = EXACT[case]
    answer = call("GET", "/users/me", token=make())

    assert answer.status == 401
    assert answer.json == {"code": 401, "subcode": 4132, "error": "Bad Token", "detail": reason, "msg": reason}
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("case", OTHERS)
def test_any_other_invalid_token_is_a_401_with_a_reason(case: str) -> None:
    answer = call("GET", "/users/me", token=OTHERS[case]())

    assert (answer.status, answer.json["code"], answer.json["subcode"]) == (401, 401, 4132)
    assert answer.json["msg"]
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({}, "Missing Authorization Header"),
        ({"Authorization": ""}, "Missing Authorization Header"),
        ({"Authorization": "Bearer"}, "Not enough segments"),
        ({"Authorization": "Basic YWRtaW46YWRtaW4="}, "Only bearer tokens are allowed"),
    ],
)
def test_a_request_without_a_bearer_token_is_a_401(headers: dict[str, str], reason: str) -> None:
    answer = call("GET", "/users/me", headers=headers)
    assert (answer.status, answer.json["msg"]) == (401, reason)


def test_verifying_a_token_returns_its_caller() -> None:
    caller = Caller("the user", "Alice", Role.ADMIN, TokenUse.REFRESH, "the token", "the family")
    token = issuing.sign(caller, expires_at=clock.now() + timedelta(minutes=1))
    assert tokens.verify(token) == caller


def test_an_access_token_has_no_family() -> None:
    assert tokens.verify(access_token()).family is None


def test_a_token_is_valid_until_it_expires() -> None:
    tokens.verify(_signed(exp=clock.now() + timedelta(seconds=2)))
    with pytest.raises(TokenRefused, match="Token has expired"):
        tokens.verify(_signed(exp=clock.now()))


def test_each_published_key_verifies_its_own_tokens(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    old = Ed25519PrivateKey.generate()
    published = [keys.public_jwk(old.public_key()), keys.public_jwk(_key().public_key())]
    monkeypatch.setenv("TOKEN_PUBLIC_KEYS", json.dumps({"keys": published}))
    tokens._public_keys.cache_clear()
    request.addfinalizer(tokens._public_keys.cache_clear)

    for key in (old, _key()):
        assert tokens.verify(_signed(key, headers={"kid": keys.key_id(key.public_key())})).username == "someone"


def test_a_key_pair_is_derived_from_its_secret_alone() -> None:
    again, other = keys.signing_key(SIGNING_SECRET), keys.signing_key("another secret")

    assert keys.public_jwk(again.public_key()) == keys.public_jwk(_key().public_key())
    assert keys.key_id(other.public_key()) != keys.key_id(_key().public_key())
    assert json.loads(settings.text("TOKEN_PUBLIC_KEYS"))["keys"] == [keys.public_jwk(_key().public_key())]


def test_a_published_key_has_no_private_part() -> None:
    assert set(keys.public_jwk(_key().public_key())) == {"kty", "crv", "x", "kid", "use", "alg"}
