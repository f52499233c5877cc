"""Attacks on every route: forged tokens, other roles, body bombs, odd paths. New routes join by themselves."""

import base64
import copy
import hashlib
import hmac
import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from functools import partial
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from lint.public_routes import PUBLIC
from runner import project
from sitewatch import clock, ids, keys, tokens
from sitewatch.callers import Role
from tests.world import people
from tests.world.calling import Answer, Context, access_token, api_event, call, handler_of, read
from tests.world.settings import SIGNING_SECRET
from tests.world.template import routes

pytestmark = pytest.mark.usefixtures("cheap_hashing")

PRIVATE = sorted(route for route in routes() if route not in PUBLIC)
SAMPLES = {handler: event for handler, event in project.samples().items() if "httpMethod" in event}


# --- forged tokens --------------------------------------------------------------------------------

KEY = keys.signing_key(SIGNING_SECRET)
KID = keys.key_id(KEY.public_key())
OTHER_KEY = Ed25519PrivateKey.from_private_bytes(b"x" * 32)
PEM = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
RAW = KEY.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
MISSING = object()


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def claims(**changed: object) -> dict[str, Any]:
    now = int(clock.now().timestamp())
    whole = {
        "iss": tokens.issuer(),
        "aud": tokens.AUDIENCE,
        "sub": ids.new_id(),
        "username": "someone",
        "role": "admin",
        "use": "access",
        "jti": ids.new_id(),
        "iat": now,
        "exp": now + 300,
        **changed,
    }
    return {name: value for name, value in whole.items() if value is not MISSING}


def token(
    header: Mapping[str, object] | None = None, sign: Callable[[bytes], bytes] = KEY.sign, **changed: object
) -> str:
    """A token with a correct signature of our own key, unless ``sign`` makes another."""
    whole = {"alg": "EdDSA", "typ": "JWT", "kid": KID, **(header or {})}
    head = json.dumps({name: value for name, value in whole.items() if value is not MISSING}).encode()
    signed = f"{encoded(head)}.{encoded(json.dumps(claims(**changed)).encode())}"
    return f"{signed}.{encoded(sign(signed.encode()))}"


def by_secret(secret: bytes, digest: str) -> Callable[[bytes], bytes]:
    return lambda signed: hmac.digest(secret, signed, getattr(hashlib, digest))


def rsa_signed() -> str:
    return jwt.encode(claims(), rsa.generate_private_key(65537, 2048), "RS256", headers={"kid": KID})


def elliptic() -> str:
    return jwt.encode(claims(), ec.generate_private_key(ec.SECP256R1()), "ES256", headers={"kid": KID})


def own_key() -> dict[str, Any]:
    return {"kty": "OKP", "crv": "Ed25519", "x": encoded(OTHER_KEY.public_key().public_bytes_raw())}


def reassembled(change: Callable[[list[str]], list[str]]) -> str:
    return ".".join(change(token().split(".")))


def past(**ago: float) -> int:
    return int((clock.now() - timedelta(**ago)).timestamp())


def claiming(name: str, value: object) -> str:
    return token(None, KEY.sign, **{name: value})


CLAIMS: dict[str, tuple[object, ...]] = {
    "iss": ("", "another deployment", ["sitewatch"], None),
    "aud": ("", "elsewhere", ["elsewhere"], None, {}),
    "sub": (1, None, []),
    "jti": (1, None),
    "role": ("owner", "ADMIN", "", None, 1, ["admin"]),
    "use": ("refresh", "everything", "", None, "api2"),
}
FORGERIES: dict[str, Callable[[], str]] = {
    # Algorithms.
    **{
        f"unsigned, algorithm {name}": partial(token, {"alg": name}, lambda _: b"")
        for name in ("none", "None", "NONE", "nOnE", "", "null")
    },
    **{
        f"{name} with {what}": partial(token, {"alg": name}, by_secret(secret, f"sha{name[2:]}"))
        for name in ("HS256", "HS384", "HS512")
        for what, secret in (("the public key", PEM), ("the raw public key", RAW), ("an empty secret", b""))
    },
    "RS256 with a key of its own": rsa_signed,
    "ES256 with a key of its own": elliptic,
    "algorithm missing": lambda: token({"alg": MISSING}),
    "algorithm is a list": lambda: token({"alg": ["EdDSA"]}),
    "algorithm Ed448": lambda: token({"alg": "Ed448"}),
    "algorithm in lower case": lambda: token({"alg": "eddsa"}),
    # Keys.
    "signed with another key": lambda: token(sign=OTHER_KEY.sign),
    **{
        f"kid {value!r}": partial(token, {"kid": value})
        for value in ("", "unknown", "../../dev/null", "' OR 1=1 --", f"{KID}\x00", KID.upper() + "0", 0, None, [KID])
    },
    "kid missing": lambda: token({"kid": MISSING}),
    "a key of its own in the header": lambda: token({"jwk": own_key()}, OTHER_KEY.sign),
    "a key of its own and its kid": lambda: token(
        {"jwk": own_key(), "kid": keys.key_id(OTHER_KEY.public_key())}, OTHER_KEY.sign
    ),
    "a key set elsewhere": lambda: token({"jku": "http://127.0.0.1:9/keys"}, OTHER_KEY.sign),
    "a certificate elsewhere": lambda: token({"x5u": "http://127.0.0.1:9/x"}, OTHER_KEY.sign),
    "a certificate of its own": lambda: token({"x5c": ["MIIB"]}, OTHER_KEY.sign),
    "an extension that must be understood": lambda: token({"crit": ["exp"], "exp": 1}),
    "a payload that is not encoded": lambda: token({"b64": False, "crit": ["b64"]}),
    # Claims, correctly signed.
    **{
        f"{name} missing": partial(claiming, name, MISSING)
        for name in ("iss", "aud", "sub", "role", "use", "jti", "iat", "exp")
    },
    "expired": lambda: token(exp=past(seconds=1)),
    "expired a year ago": lambda: token(exp=past(days=365)),
    "expiry is text": lambda: token(exp="tomorrow"),
    "expiry is a list": lambda: token(exp=[past(days=-1)]),
    "issued in the future": lambda: token(iat=past(hours=-1)),
    "not valid yet": lambda: token(nbf=past(hours=-1)),
    **{f"{name} {value!r}": partial(claiming, name, value) for name, values in CLAIMS.items() for value in values},
    # The form of the token.
    "nothing": lambda: "",
    "two segments": lambda: reassembled(lambda parts: parts[:2]),
    "five segments, as if encrypted": lambda: reassembled(lambda parts: [*parts, "", ""]),
    "no signature": lambda: reassembled(lambda parts: [*parts[:2], ""]),
    "half a signature": lambda: reassembled(lambda parts: [*parts[:2], parts[2][:43]]),
    "a longer signature": lambda: reassembled(lambda parts: [*parts[:2], parts[2] + "AAAA"]),
    "the signature of another token": lambda: reassembled(lambda parts: [*parts[:2], token().split(".")[2]]),
    "another payload under the signature": lambda: reassembled(
        lambda parts: [parts[0], encoded(json.dumps(claims(sub="root")).encode()), parts[2]]
    ),
    "a signature of zeros": lambda: reassembled(lambda parts: [*parts[:2], encoded(bytes(64))]),
    "a header that is no object": lambda: reassembled(lambda parts: [encoded(b"[]"), *parts[1:]]),
    "a header that is no JSON": lambda: reassembled(lambda parts: [encoded(b"\xff"), *parts[1:]]),
    "a payload that is no object": lambda: f"{token().split('.')[0]}.{encoded(b'[]')}.{'A' * 86}",
    "a header of great depth": lambda: reassembled(lambda parts: [encoded(b"[" * 5000), *parts[1:]]),
    "a hundred kilobytes": lambda: reassembled(lambda parts: [parts[0], "A" * 100_000, parts[2]]),
    "JSON serialization": lambda: json.dumps({"protected": token(), "payload": "", "signature": ""}),
    "characters outside ASCII": lambda: "é.ü.ö",
}


def test_an_unchanged_token_of_this_test_is_valid() -> None:
    assert tokens.verify(token()).role is Role.ADMIN
    assert len(FORGERIES) >= 70


@pytest.mark.parametrize("kind", FORGERIES)
def test_a_forged_token_is_rejected(kind: str) -> None:
    answer = call("GET", "/api/ready", token=FORGERIES[kind]())
    assert (answer.status, answer.json["subcode"]) == (401, 4132)


ON_EVERY_ROUTE = ("unsigned, algorithm none", "HS256 with the public key", "signed with another key", "use 'refresh'")


@pytest.mark.parametrize(("method", "resource"), PRIVATE)
def test_no_private_route_accepts_a_forged_token(method: str, resource: str) -> None:
    for kind in ON_EVERY_ROUTE:
        assert ask(method, resource, token=FORGERIES[kind]()).status == 401, kind


def ask(method: str, resource: str, **more: Any) -> Answer:
    """Call a route with the sample's path, query and body."""
    sample = SAMPLES[routes()[method, resource]]
    more.setdefault("body", sample["body"])
    event = api_event(method, resource, path=sample["pathParameters"], query=sample["queryStringParameters"], **more)
    return read(handler_of(routes()[method, resource])(event, Context()))


# --- roles ----------------------------------------------------------------------------------------

ALSO_MACHINES = {("GET", "/api/ready"), ("POST", "/api/event"), ("POST", "/detections")}
NOT_USERS = {
    ("GET", "/api/populate"),
    ("POST", "/api/populate"),
    ("GET", "/api/tokens"),
    ("POST", "/api/tokens"),
    ("DELETE", "/api/tokens/{token_id}"),
    ("DELETE", "/api/event/{event_id}"),
    ("POST", "/detections"),
    ("GET", "/audit"),
    ("POST", "/rules"),
    ("POST", "/rules/try"),
    ("PUT", "/rules/{rule_id}"),
    ("DELETE", "/rules/{rule_id}"),
    ("PUT", "/sources/{kind}/{name}"),
    ("DELETE", "/sources/{kind}/{name}"),
    ("PATCH", "/users/{user_id}"),
    ("DELETE", "/users/{user_id}"),
    ("POST", "/users/{user_id}/password-reset"),
}
"""Every other private route is for people, whether users or administrators."""


@pytest.mark.parametrize(("method", "resource"), PRIVATE)
def test_a_role_that_may_not_call_a_route_gets_a_403(method: str, resource: str) -> None:
    forbidden = {Role.USER} if (method, resource) in NOT_USERS else set()
    if (method, resource) not in ALSO_MACHINES:
        forbidden.add(Role.MACHINE)
    for role in (Role.USER, Role.MACHINE):
        query = {"wait": 0} if resource == "/alerts" else None
        answer = call(method, resource, path=_any_path(resource), query=query, token=_token_of(role), body="{")
        # A body that is no JSON: whoever may call the route gets a 400 or the answer, and changes nothing.
        assert (answer.status == 403) == (role in forbidden), role


def _token_of(role: Role) -> str:
    if role is not Role.MACHINE:
        return access_token(role)
    issued = call("POST", "/api/tokens", token=access_token(Role.ADMIN), body={"name": "camera"})
    return str(issued.json["api_token"])


def _any_path(resource: str, value: str = "01ARZ3NDEKTSV4RRFFQ69G5FAV") -> dict[str, str] | None:
    names = [part[1:-1] for part in resource.split("/") if part.startswith("{")]
    return dict.fromkeys(names, value) or None


# --- other people's objects -----------------------------------------------------------------------


def test_the_objects_of_another_user_do_not_exist() -> None:
    alice, bob = people.sign_up("alice"), people.sign_up("bob")
    hers, his = (access_token(subject=user["id"], username=user["username"]) for user in (alice, bob))
    content = {"type": "text", "text": "for Bob alone"}
    sent = call(
        "POST", "/messages", token=hers, body={"sender_id": alice["id"], "recipient_id": bob["id"], "content": content}
    )
    job = sent.json["job_id"]
    stranger = access_token()
    for caller in (his, stranger):
        assert call("GET", "/jobs/{job_id}", path={"job_id": job}, token=caller).status == 404
        assert call("GET", "/notifications", token=caller).json == {"notifications": []}
    asked = {"sender_id": alice["id"], "recipient_id": bob["id"]}
    assert call("GET", "/messages", query=asked, token=stranger).status == 404


# --- bodies ---------------------------------------------------------------------------------------

BODIES: dict[str, str | bytes] = {
    "deep": "[" * 100_000,
    "deep objects": '{"a":' * 20_000 + "1" + "}" * 20_000,
    "a deep member": '{"username":' + "[" * 20_000 + "]" * 20_000 + "}",
    "a number of many digits": '{"year": ' + "9" * 100_000 + "}",
    "a large exponent": '{"year": 1e400, "value": -1e400}',
    "not a number": '{"year": NaN, "ts": Infinity}',
    "many members": "{" + ",".join(f'"k{n}":{n}' for n in range(20_000)) + "}",
    "one member many times": "{" + ",".join('"username":"x"' for _ in range(5_000)) + "}",
    "a long text": json.dumps({"username": "x" * 200_000, "content": "x" * 200_000}),
    "half a surrogate": '{"username": "\\ud800", "password": "\\udfff", "make": "\\ud800"}',
    "zero bytes": '{"username": "a\\u0000b", "sensor": "\\u0000"}',
    "no UTF-8": b'{"username": "\xff\xfe"}',
    "two values": "{} {}",
    "a bare text": '"text"',
    "null": "null",
    "more than the largest body": "x" * 6_000_000,
}
WITHOUT_BODY = {"/check", "/api/populate"}
WITH_BODY = sorted(each for each in routes() if each[0] in ("POST", "PUT", "PATCH") and each[1] not in WITHOUT_BODY)


@pytest.mark.parametrize(("method", "resource"), WITH_BODY)
def test_no_body_is_an_unexpected_error(method: str, resource: str) -> None:
    bearer = access_token(Role.ADMIN)
    for name, body in BODIES.items():
        answer = ask(method, resource, body=body, token=bearer)
        if (resource, answer.status) == ("/messages", 202):
            continue  # the worker checks the content of any object
        assert 400 <= answer.status < 500, name
        assert set(answer.json) >= {"code", "subcode", "error", "detail"}
        assert len(answer.text) < 20_000


# --- paths ----------------------------------------------------------------------------------------

ODD = [
    "..",
    "../../users",
    "%2e%2e%2f",
    "%2F..%2F",
    "a%00b",
    "\x00",
    "%c0%af",
    "%25252e",
    "a" * 10_000,
    "'; DROP TABLE users --",
    "${jndi:ldap://127.0.0.1/a}",
    "{{7*7}}",
    "<script>alert(1)</script>",
    "\u202e\ufeff",
    "\ud800",
    "*",
    "#",
    "position",
]
WITH_PATH = sorted(route for route in routes() if "{" in route[1])


@pytest.mark.parametrize(("method", "resource"), WITH_PATH)
def test_an_odd_path_is_a_4xx_and_no_other_object(method: str, resource: str) -> None:
    bearer = access_token(Role.ADMIN)
    for odd in ODD:
        answer = ask_path(method, resource, odd, bearer)
        assert 400 <= answer.status < 500, odd
        assert "<script>" not in answer.text or answer.headers["content-type"].startswith("application/json")


def ask_path(method: str, resource: str, value: str, bearer: str) -> Answer:
    handler = routes()[method, resource]
    event = copy.deepcopy(SAMPLES[handler]) if handler in SAMPLES else {}
    fresh = api_event(method, resource, path=_any_path(resource, value), token=bearer, body=event.get("body"))
    return read(handler_of(handler)(fresh, Context()))


# --- queries --------------------------------------------------------------------------------------


def queries() -> Iterator[tuple[str, str]]:
    yield from itertools.product(
        ("limit", "skip", "start", "from", "to", "make", "category", "atInstant", "step", "wait"),
        ("-1", "0", "1e9", "9" * 50, "NaN", "' OR 1=1", "\x00", "\ud800", "x" * 5_000, "[]", "{}", "..", "true"),
    )


@pytest.mark.parametrize("resource", sorted(r for m, r in routes() if m == "GET" and r not in WITHOUT_BODY))
def test_no_query_is_an_unexpected_error(resource: str) -> None:
    bearer = access_token(Role.ADMIN)
    at_once = {"wait": "0"} if resource == "/alerts" else {}
    for name, value in queries():
        answer = call("GET", resource, path=_any_path(resource), query=at_once | {name: value}, token=bearer)
        assert answer.status < 500, (name, value)
