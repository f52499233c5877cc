"""The portal: health, readiness, public keys and CORS preflight."""

from collections import Counter
from typing import Any

import jwt
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from portal import health
from sitewatch.callers import Role
from tests.world.calling import Context, access_token, api_event, call, handler_of, read
from tests.world.instance import Log
from tests.world.template import routes

ORIGIN = "https://watch.example.com"
FAILURES = {
    "refused": ClientError({"Error": {"Code": "InternalServerError", "Message": "arn:of:a:secret"}}, "GetItem"),
    "unreachable": EndpointConnectionError(endpoint_url="http://127.0.0.1:4566"),
    "silent": ReadTimeoutError(endpoint_url="http://127.0.0.1:4566"),
}


class Services:
    """Counts the calls to AWS services, and makes some of them fail."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.failing: dict[str, Exception] = {}
        self._call = BaseClient._make_api_call  # type: ignore[attr-defined]

    def answer(self, client: BaseClient, operation: str, parameters: dict[str, Any]) -> Any:
        self.asked[operation] += 1
        if operation in self.failing:
            raise self.failing[operation]
        return self._call(client, operation, parameters)


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch) -> Services:
    services = Services()

    def call_api(client: BaseClient, operation: str, parameters: dict[str, Any]) -> Any:
        return services.answer(client, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", call_api)
    return services


@pytest.fixture(autouse=True)
def monotonic(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The clock of the health check's cache: a list whose only item is the time in seconds. The cache is empty."""
    now = [1000.0]
    monkeypatch.setattr("portal.health.time.monotonic", lambda: now[0])
    monkeypatch.setattr(health, "_checked_at", float("-inf"))
    return now


@pytest.mark.parametrize("path", ["/check", "/", "/docs", "/openapi.json"])
@pytest.mark.parametrize("known", [False, True])
def test_a_head_is_answered_like_the_get_and_the_gateway_leaves_out_the_body(path: str, known: bool) -> None:
    headers = {"Origin": ORIGIN}
    if known and (etag := call("GET", path).headers.get("etag")):
        headers["If-None-Match"] = etag
    get, head = (call(method, path, headers=headers) for method in ("GET", "HEAD"))
    assert head == get


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_check_is_ok_when_every_service_responds(method: str, services: Services) -> None:
    answer = call(method, "/check")
    assert (answer.status, answer.json) == (200, {"health": "ok"})
    assert services.asked == {"GetItem": 1, "DescribeStreamSummary": 1, "GetQueueAttributes": 1}


@pytest.mark.parametrize("role", list(Role))
def test_the_backend_is_ready_when_every_service_responds(role: Role) -> None:
    answer = call("GET", "/api/ready", token=access_token(role))
    assert (answer.status, answer.json) == (200, {"status": "ready"})


def test_readiness_needs_a_token() -> None:
    assert call("GET", "/api/ready").status == 401


def test_readiness_rejects_a_revoked_api_token(monotonic: list[float]) -> None:
    admin = access_token(Role.ADMIN)
    issued = call("POST", "/api/tokens", body={"name": "camera"}, token=admin).json
    assert call("GET", "/api/ready", token=issued["api_token"]).status == 200

    call("DELETE", "/api/tokens/{token_id}", path={"token_id": issued["id"]}, token=admin)
    monotonic[0] += 60
    assert call("GET", "/api/ready", token=issued["api_token"]).status == 401


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize(
    ("operation", "subcode"), [("GetItem", 5001), ("DescribeStreamSummary", 5002), ("GetQueueAttributes", 5002)]
)
@pytest.mark.parametrize(("method", "resource"), [("GET", "/check"), ("POST", "/check"), ("GET", "/api/ready")])
def test_a_failing_service_makes_the_check_a_503_with_its_subcode(
    services: Services, log: Log, method: str, resource: str, operation: str, subcode: int, failure: str
) -> None:
    services.failing[operation] = FAILURES[failure]
    answer = call(method, resource, token=access_token())

    assert answer.status == 503
    assert answer.json == {
        "code": 503,
        "subcode": subcode,
        "error": "App Not Healthy",
        "detail": "App Not Healthy",
    }
    # One attempt: a retry would delay the response.
    assert services.asked[operation] == 1
    (logged,) = [line for line in log.lines if line["level"] == "ERROR"]
    assert (logged["subcode"], logged["reason"]) == (subcode, type(FAILURES[failure]).__name__)


def test_a_database_failure_is_reported_before_a_queue_failure(services: Services) -> None:
    services.failing = dict.fromkeys(("GetItem", "GetQueueAttributes"), FAILURES["refused"])
    assert call("GET", "/check").json["subcode"] == 5001


def test_a_bug_in_the_check_is_not_reported_as_a_service_failure(services: Services) -> None:
    services.failing["GetItem"] = KeyError("a bug")
    assert call("GET", "/check").json["subcode"] == 5000


def test_services_are_called_at_most_every_two_seconds(services: Services, monotonic: list[float]) -> None:
    for _ in range(5):
        assert call("GET", "/check").status == 200
        monotonic[0] += 0.5
    assert set(services.asked.values()) == {2}


def test_a_failure_is_cached_for_two_seconds(services: Services, monotonic: list[float]) -> None:
    services.failing["DescribeStreamSummary"] = FAILURES["silent"]
    for _ in range(3):
        assert call("GET", "/check").json["subcode"] == 5002
    assert services.asked["DescribeStreamSummary"] == 1

    services.failing.clear()
    monotonic[0] += 2
    assert call("GET", "/check").status == 200


# --- public keys ----------------------------------------------------------------------------------


def test_anyone_can_verify_a_token_with_the_published_keys() -> None:
    answer = call("GET", "/.well-known/jwks.json")
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "public, max-age=300"

    token = access_token(username="Alice")
    key = jwt.PyJWKSet.from_dict(answer.json)[jwt.get_unverified_header(token)["kid"]]
    claims = jwt.decode(token, key, algorithms=["EdDSA"], audience="sitewatch")
    assert claims["username"] == "Alice"


def test_the_published_keys_have_no_private_part() -> None:
    for key in call("GET", "/.well-known/jwks.json").json["keys"]:
        assert set(key) == {"kty", "crv", "x", "kid", "use", "alg"}
        assert (key["kty"], key["crv"], key["alg"], key["use"]) == ("OKP", "Ed25519", "EdDSA", "sig")


# --- preflight ------------------------------------------------------------------------------------


def _preflight(origin: str | None, header: str = "Origin") -> dict[str, str]:
    event = api_event("OPTIONS", "/detections", headers={header: origin} if origin is not None else None)
    answer = read(handler_of("portal.preflight.handler")(event, Context()))
    assert (answer.status, answer.text) == (204, "")
    return dict(answer.headers)


@pytest.mark.parametrize("configured", [ORIGIN, f"https://other.example.com, {ORIGIN}", "*"])
@pytest.mark.parametrize("header", ["Origin", "origin"])
def test_preflight_allows_a_configured_origin(monkeypatch: pytest.MonkeyPatch, configured: str, header: str) -> None:
    monkeypatch.setenv("CORS_ORIGINS", configured)
    headers = _preflight(ORIGIN, header)

    assert headers["access-control-allow-origin"] == ORIGIN
    assert headers["vary"] == "Origin"
    assert int(headers["access-control-max-age"]) > 0
    allowed = {name.lower() for name in headers["access-control-allow-headers"].split(",")}
    assert {"authorization", "content-type", "idempotency-key", "if-match", "last-event-id"} <= allowed
    assert {method for method, _ in routes()} <= set(headers["access-control-allow-methods"].split(","))


@pytest.mark.parametrize("configured", ["", ORIGIN])
@pytest.mark.parametrize("origin", ["https://evil.example.com", "null", "", None, f"{ORIGIN}.evil.example.com"])
def test_preflight_allows_no_other_origin(monkeypatch: pytest.MonkeyPatch, configured: str, origin: str | None) -> None:
    monkeypatch.setenv("CORS_ORIGINS", configured)
    headers = _preflight(origin)
    assert headers == {"vary": "Origin"}


def test_preflight_handles_an_event_without_headers() -> None:
    event = {**api_event("OPTIONS", "/detections"), "headers": None}
    assert handler_of("portal.preflight.handler")(event, Context())["statusCode"] == 204
