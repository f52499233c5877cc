"""The OpenAPI document and what is made of it: whole, true to the code, and committed as the code is."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from lint.public_routes import PUBLIC
from runner.documents import __main__ as make_openapi
from runner.documents import openapi, postman
from sitewatch import errors
from sitewatch.errors import ErrorCode
from tests.world.calling import call
from tests.world.code import errors_of
from tests.world.template import routes, samples

DOCUMENT: dict[str, Any] = json.loads(make_openapi.COMMITTED.read_text(encoding="utf-8"))
COLLECTION: dict[str, Any] = json.loads(make_openapi.COLLECTION.read_text(encoding="utf-8"))
WRITTEN = make_openapi.files()
OPERATIONS = [
    pytest.param(method, path, operation, id=f"{method} {path}")
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
]
RENEW = "It is not as the code is; `make openapi` renews it, and the difference is to be committed."


@pytest.fixture(autouse=True)
def world() -> None:
    """No table is needed here."""


# --- drift ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: "/".join(path.parts[-2:]))
def test_what_is_committed_is_what_the_code_says(path: Any) -> None:
    assert path.read_text(encoding="utf-8") == WRITTEN[path], RENEW


def test_the_document_has_the_templates_routes_and_no_others() -> None:
    described = {(method.upper(), path) for path, item in DOCUMENT["paths"].items() for method in item}
    assert described == {route for route in routes() if route[0] != "OPTIONS"}


def test_what_is_served_is_what_is_committed() -> None:
    answer = call("GET", "/openapi.json")
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json == DOCUMENT


# --- the document ---------------------------------------------------------------------------------


def test_the_document_is_valid_openapi_3_1() -> None:
    OpenAPIV31SpecValidator(DOCUMENT).validate()
    assert DOCUMENT["openapi"].startswith("3.1.")


def test_the_server_and_the_login_are_relative_so_that_they_hold_under_every_stage() -> None:
    assert [server["url"] for server in DOCUMENT["servers"]] == ["."]
    flows = DOCUMENT["components"]["securitySchemes"]["password"]["flows"]
    assert flows["password"]["tokenUrl"] == "token"


def test_every_tag_is_a_domain_with_a_description() -> None:
    assert [tag["name"] for tag in DOCUMENT["tags"]] == sorted({each.partition(".")[0] for each in routes().values()})
    assert all(tag["description"] for tag in DOCUMENT["tags"])


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS)
def test_an_operation_says_what_it_is(method: str, path: str, operation: dict[str, Any]) -> None:
    assert operation["summary"]
    assert operation["description"], f"give the function of {method.upper()} {path} a docstring"


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS)
def test_an_operation_needs_a_token_unless_it_is_public(method: str, path: str, operation: dict[str, Any]) -> None:
    is_public = (method.upper(), path) in PUBLIC
    assert is_public == (operation["security"] == [] or {} in operation["security"])
    assert is_public or {"401"} <= operation["responses"].keys()
    assert {name for each in operation["security"] for name in each} <= DOCUMENT["components"]["securitySchemes"].keys()


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS)
def test_a_body_has_an_example(method: str, path: str, operation: dict[str, Any]) -> None:
    for content in operation.get("requestBody", {}).get("content", {}).values():
        assert content["examples"], f"the sample event of {method.upper()} {path} needs a body"


def test_alerts_are_an_event_stream() -> None:
    assert list(DOCUMENT["paths"]["/alerts"]["get"]["responses"]["200"]["content"]) == ["text/event-stream"]


def test_nothing_is_said_of_answers_that_powertools_would_give() -> None:
    assert all(
        "422" not in operation["responses"] for item in DOCUMENT["paths"].values() for operation in item.values()
    )
    assert not DOCUMENT["components"]["schemas"].keys() & {"HTTPValidationError", "ValidationError"}


# --- errors ---------------------------------------------------------------------------------------


def _error_examples(operation: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    shared = DOCUMENT["components"]["responses"]
    for status, answer in operation["responses"].items():
        if int(status) >= 400:
            own = shared[answer["$ref"].rpartition("/")[2]] if "$ref" in answer else answer
            content = own["content"]["application/json"]
            assert content["schema"] == {"$ref": "#/components/schemas/Error"}
            yield from ((status, example["value"]) for example in content["examples"].values())


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS)
def test_an_example_of_an_error_is_of_the_catalogue(method: str, path: str, operation: dict[str, Any]) -> None:
    required = set(DOCUMENT["components"]["schemas"]["Error"]["required"])
    catalogue = [code for code in vars(errors).values() if isinstance(code, ErrorCode)]
    found = list(_error_examples(operation))
    assert {"400", "429", "500"} <= {status for status, _ in found}
    for status, body in found:
        assert required <= body.keys()
        assert body["code"] == int(status)
        assert ErrorCode(body["code"], body["subcode"], body["error"]) in catalogue


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS)
def test_every_error_that_the_code_of_an_endpoint_can_raise_is_declared(
    method: str, path: str, operation: dict[str, Any]
) -> None:
    handler = routes()[method.upper(), path]
    declared = {(body["code"], body["subcode"]) for _, body in _error_examples(operation)}
    missing = [
        name
        for name in sorted(errors_of(handler.rpartition(".")[0]))
        if getattr(errors, name).status != 400
        and (getattr(errors, name).status, getattr(errors, name).subcode) not in declared
    ]
    assert missing == [], f"{handler}: add them to Api(errors=[…])"


def test_a_real_error_has_the_shape_that_the_document_gives() -> None:
    schema = DOCUMENT["components"]["schemas"]["Error"]
    for answer in (call("GET", "/users"), call("POST", "/users", body="{"), call("POST", "/users", body={})):
        assert set(schema["required"]) <= answer.json.keys() <= schema["properties"].keys()


# --- what can not be described --------------------------------------------------------------------


def test_a_route_without_a_resolver_of_ours_is_named() -> None:
    with pytest.raises(openapi.Undocumented, match=r"portal.preflight.handler .*needs an `app`"):
        openapi.document({("GET", "/elsewhere"): "portal.preflight.handler"}, {})


def test_a_route_of_the_template_that_no_code_answers_is_named() -> None:
    with pytest.raises(openapi.Undocumented, match=r"In the template only: .*/elsewhere"):
        openapi.document({("GET", "/elsewhere"): "portal.check.handler"}, {})


def test_two_models_of_one_name_are_named() -> None:
    with pytest.raises(openapi.Undocumented, match="another model called Health"):
        openapi._agree({"Health": {"type": "string"}}, {"Health": {"type": "object"}}, "portal.check.handler")


# --- Swagger UI -----------------------------------------------------------------------------------


def test_the_page_is_swagger_ui_of_our_own_parts() -> None:
    page = call("GET", "/docs")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "<title>Sitewatch API</title>" in page.text
    parts = re.findall(r'(?:src|href)="(docs/[^"]+)"', page.text)
    assert len(parts) == 4
    for part in parts:
        answer = call("GET", "/docs/{part}", path={"part": part.removeprefix("docs/")})
        assert answer.status == 200
        assert answer.headers["content-type"].startswith("text/css" if part.endswith("css") else "text/javascript")
        assert len(answer.text.encode()) < 5_000_000  # Lambda answers up to 6 MB


def test_the_page_loads_nothing_from_elsewhere_and_runs_no_script_of_its_own() -> None:
    page = call("GET", "/docs")
    policy = dict(each.strip().partition(" ")[::2] for each in page.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["connect-src"] == "'self'"
    assert "unsafe" not in str(policy)
    assert "://" not in page.text
    assert not re.search(r"<script(?![^>]* src=)|<style| on\w+=", page.text)


def test_a_part_that_there_is_not_is_a_404() -> None:
    for part in ("other.js", "..%2fdocs.js", "openapi.json"):
        answer = call("GET", "/docs/{part}", path={"part": part})
        assert (answer.status, answer.json["subcode"]) == (404, 4040)


@pytest.mark.parametrize("resource", ["/openapi.json", "/docs", "/docs/{part}"])
def test_a_client_that_has_it_is_not_sent_it_again(resource: str) -> None:
    path = {"part": "start.js"} if "{" in resource else None
    first = call("GET", resource, path=path)
    assert first.headers["cache-control"].startswith("public, max-age=")
    tag = first.headers["etag"]
    for held in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = call("GET", resource, path=path, headers={"If-None-Match": held})
        assert (again.status, again.text, again.headers["etag"]) == (304, "", tag)
    assert call("GET", resource, path=path, headers={"If-None-Match": '"other"'}).status == 200


# --- the collection -------------------------------------------------------------------------------


def _requests(items: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for item in items:
        yield from _requests(item["item"]) if "item" in item else [item]


def test_the_collection_has_every_operation_and_begins_with_the_login() -> None:
    requests = list(_requests(COLLECTION["item"]))
    assert len(requests) == len(OPERATIONS)
    assert requests[0]["request"]["url"]["raw"] == "{{baseUrl}}/token"
    assert COLLECTION["info"]["schema"] == postman.SCHEMA


def test_every_variable_that_a_request_uses_is_one_of_the_collection() -> None:
    used = set(re.findall(r"\{\{(\w+)\}\}", json.dumps(COLLECTION)))
    assert used <= {variable["key"] for variable in COLLECTION["variable"]}


def test_only_public_requests_go_without_the_token() -> None:
    without = {
        (each["request"]["method"], re.sub(r"\{\{(\w+)\}\}", r"{\1}", "/" + "/".join(each["request"]["url"]["path"])))
        for each in _requests(COLLECTION["item"])
        if each["request"].get("auth") == {"type": "noauth"}
    }
    assert without == PUBLIC


def test_a_sample_of_every_function_that_is_called_over_http_is_an_example() -> None:
    assert {handler for (method, _), handler in routes().items() if method != "OPTIONS"} <= samples().keys()
