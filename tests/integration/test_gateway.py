"""The API's own responses and those that every route shares: unknown routes, missing tokens, other origins."""

import gzip

import httpx
import pytest

from lint.public_routes import PUBLIC
from runner.stack import Stack
from tests.integration.client import Client
from tests.world.template import routes

LOGIN = b'{"username": "nobody", "password": "secret"}'
_PRIVATE = sorted(route for route in routes() if route not in PUBLIC)


@pytest.mark.conformance
@pytest.mark.parametrize(("method", "path"), _PRIVATE, ids=str)
def test_a_private_route_rejects_a_request_without_a_token(anyone: Client, method: str, path: str) -> None:
    answer = anyone.request(method, path.format_map(_AnyId()))
    assert answer.status_code == 401
    assert answer.json()["code"] == 401
    assert answer.json()["subcode"] == 4132
    assert answer.json()["msg"] == "Missing Authorization Header"
    assert answer.headers["www-authenticate"] == "Bearer"


class _AnyId(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "01ARZ3NDEKTSV4RRFFQ69G5FAV"


@pytest.mark.conformance
@pytest.mark.parametrize("path", ["/nowhere", "/users/me/nowhere", "/api"])
def test_an_unknown_route_is_a_404_in_the_shape_of_every_error(anyone: Client, path: str) -> None:
    answer = anyone.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/json"
    assert {key: answer.json()[key] for key in ("code", "subcode", "error")} == {
        "code": 404,
        "subcode": 4040,
        "error": "Not Found",
    }


@pytest.mark.conformance
def test_a_known_path_with_an_unknown_method_is_a_404_too(anyone: Client) -> None:
    assert anyone.delete("/users").status_code == 404


@pytest.mark.conformance
def test_json_with_curls_default_content_type_is_json(anyone: Client) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = anyone.post("/login", headers=form, content='{"username": "nobody+1", "password": "a & b = c%41"}')
    assert (answer.status_code, answer.json()["subcode"]) == (401, 4131)


@pytest.mark.conformance
@pytest.mark.parametrize(
    ("content", "encoding"),
    [(b"\x89PNG\r\n\x1a\n\x00\xff", {}), (gzip.compress(LOGIN), {"Content-Encoding": "gzip"})],
    ids=["binary", "compressed"],
)
def test_a_binary_or_compressed_body_is_a_400(anyone: Client, content: bytes, encoding: dict[str, str]) -> None:
    answer = anyone.post("/login", headers={"Content-Type": "application/json", **encoding}, content=content)
    assert (answer.status_code, answer.json()["code"]) == (400, 400)


@pytest.mark.conformance
@pytest.mark.parametrize("accepted", ["identity", "gzip", "br, *;q=0.1"])
def test_a_response_can_be_read_whatever_encodings_the_client_accepts(anyone: Client, accepted: str) -> None:
    answer = anyone.get("/openapi.json", headers={"Accept-Encoding": accepted})
    assert (answer.status_code, answer.json()["info"]["title"]) == (200, "Sitewatch")


@pytest.mark.conformance
@pytest.mark.parametrize("path", ["/token", "/detections", "/api/tokens/some-id"])
def test_a_preflight_request_needs_no_token(anyone: Client, path: str) -> None:
    answer = anyone.options(
        path, headers={"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "POST"}
    )
    assert answer.status_code == 204
    # No origin is configured locally, so no page may read the response.
    assert "access-control-allow-origin" not in answer.headers


def test_the_emulator_rejects_a_caller_with_other_credentials(stack: Stack) -> None:
    # This proves that the emulator enforces roles at all.
    answer = httpx.post(
        stack.endpoint_url,
        headers={
            "X-Amz-Target": "DynamoDB_20120810.ListTables",
            "Authorization": "AWS4-HMAC-SHA256 Credential=AKIANOBODY/20260101/us-east-1/dynamodb/aws4_request, "
            "SignedHeaders=host, Signature=0",
        },
        json={},
        trust_env=False,
    )
    assert answer.status_code in (400, 403)
    assert "TableNames" not in answer.text
