"""The OpenAPI document and the files generated from it: complete, and up to date with the code."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from lint.public_routes import PUBLIC
from runner.documents import files as make_openapi
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
WITH_BODIES = [each for each in OPERATIONS if each.values[0] != "head"]
RENEW = "Out of date: run `make openapi` and commit the result."


@pytest.fixture(autouse=True)
def world() -> None:
    """These tests need no tables."""


# --- drift ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: "/".join(path.parts[-2:]))
def test_the_committed_file_is_up_to_date(path: Any) -> None:
    assert path.read_text(encoding="utf-8") == WRITTEN[path], RENEW


def test_the_document_has_exactly_the_templates_routes() -> None:
    described = {(method.upper(), path) for path, item in DOCUMENT["paths"].items() for method in item}
    assert described == set(routes())


def test_the_committed_document_is_served() -> None:
    answer = call("GET", "/openapi.json")
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json == DOCUMENT


# --- the document ---------------------------------------------------------------------------------


def test_the_document_is_valid_openapi_3_1() -> None:
    OpenAPIV31SpecValidator(DOCUMENT).validate()
    assert DOCUMENT["openapi"].startswith("3.1.")


def test_server_and_login_urls_are_relative_so_that_they_work_on_every_stage() -> None:
    assert [server["url"] for server in DOCUMENT["servers"]] == ["."]
    flows = DOCUMENT["components"]["securitySchemes"]["password"]["flows"]
    assert flows["password"]["tokenUrl"] == "token"


def test_every_tag_is_a_domain_with_a_description() -> None:
    assert [tag["name"] for tag in DOCUMENT["tags"]] == sorted({each.partition(".")[0] for each in routes().values()})
    assert all(tag["description"] for tag in DOCUMENT["tags"])


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS)
def test_every_operation_has_a_summary_and_a_description(method: str, path: str, operation: dict[str, Any]) -> None:
    assert operation["summary"]
    assert operation["description"], f"give the function of {method.upper()} {path} a docstring"


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS)
def test_an_operation_needs_a_token_unless_it_is_public(method: str, path: str, operation: dict[str, Any]) -> None:
    is_public = (method.upper(), path) in PUBLIC
    assert is_public == (operation["security"] == [] or {} in operation["security"])
    assert is_public or {"401"} <= operation["responses"].keys()
    assert {name for each in operation["security"] for name in each} <= DOCUMENT["components"]["securitySchemes"].keys()


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS)
def test_every_request_body_has_an_example(method: str, path: str, operation: dict[str, Any]) -> None:
    for content in operation.get("requestBody", {}).get("content", {}).values():
        assert content["examples"], f"the sample event of {method.upper()} {path} needs a body"


def test_a_head_has_the_statuses_of_its_get_and_no_body() -> None:
    found = [item for item in DOCUMENT["paths"].values() if "head" in item]
    assert len(found) == 4
    for item in found:
        assert item["head"]["responses"].keys() == item["get"]["responses"].keys()
        assert not any("content" in answer or "$ref" in answer for answer in item["head"]["responses"].values())


def test_alerts_are_an_event_stream() -> None:
    assert list(DOCUMENT["paths"]["/alerts"]["get"]["responses"]["200"]["content"]) == ["text/event-stream"]


def test_powertools_own_validation_errors_are_not_documented() -> None:
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


@pytest.mark.parametrize(("method", "path", "operation"), WITH_BODIES)
def test_every_error_example_is_in_the_catalogue(method: str, path: str, operation: dict[str, Any]) -> None:
    required = set(DOCUMENT["components"]["schemas"]["Error"]["required"])
    catalogue = [code for code in vars(errors).values() if isinstance(code, ErrorCode)]
    found = list(_error_examples(operation))
    assert {"400", "429", "500"} <= {status for status, _ in found}
    for status, body in found:
        assert required <= body.keys()
        assert body["code"] == int(status)
        assert ErrorCode(body["code"], body["subcode"], body["error"]) in catalogue


@pytest.mark.parametrize(("method", "path", "operation"), WITH_BODIES)
def test_every_error_that_an_endpoint_can_raise_is_declared(method: str, path: str, operation: dict[str, Any]) -> None:
    handler = routes()[method.upper(), path]
    declared = {(body["code"], body["subcode"]) for _, body in _error_examples(operation)}
    missing = [
        name
        for name in sorted(errors_of(handler.rpartition(".")[0]))
        if getattr(errors, name).status != 400
        and (getattr(errors, name).status, getattr(errors, name).subcode) not in declared
    ]
    assert missing == [], f"{handler}: add them to Api(errors=[…])"


def test_real_errors_have_the_documented_shape() -> None:
    schema = DOCUMENT["components"]["schemas"]["Error"]
    for answer in (call("GET", "/users"), call("POST", "/users", body="{"), call("POST", "/users", body={})):
        assert set(schema["required"]) <= answer.json.keys() <= schema["properties"].keys()


# --- routes that cannot be documented -------------------------------------------------------------


def test_a_route_without_an_app_is_reported() -> None:
    with pytest.raises(openapi.Undocumented, match=r"portal.preflight.handler .*needs an `app`"):
        openapi.document({("GET", "/elsewhere"): "portal.preflight.handler"}, {})


def test_a_template_route_that_no_code_handles_is_reported() -> None:
    with pytest.raises(openapi.Undocumented, match=r"In the template only: .*/elsewhere"):
        openapi.document({("GET", "/elsewhere"): "portal.check.handler"}, {})


def test_two_models_with_the_same_name_are_reported() -> None:
    with pytest.raises(openapi.Undocumented, match="another model called Health"):
        openapi._agree({"Health": {"type": "string"}}, {"Health": {"type": "object"}}, "portal.check.handler")


# --- Swagger UI -----------------------------------------------------------------------------------


def test_the_page_loads_swagger_ui_from_this_api() -> None:
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


def test_the_page_loads_nothing_from_other_hosts_and_runs_no_inline_script() -> None:
    page = call("GET", "/docs")
    policy = dict(each.strip().partition(" ")[::2] for each in page.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["connect-src"] == "'self'"
    assert "unsafe" not in str(policy)
    assert "://" not in page.text
    assert not re.search(r"<script(?![^>]* src=)|<style| on\w+=", page.text)


def test_an_unknown_part_is_a_404() -> None:
    for part in ("other.js", "..%2fdocs.js", "openapi.json"):
        answer = call("GET", "/docs/{part}", path={"part": part})
        assert (answer.status, answer.json["subcode"]) == (404, 4040)


@pytest.mark.parametrize("resource", ["/openapi.json", "/docs", "/docs/{part}"])
def test_a_client_with_the_current_version_gets_a_304(resource: str) -> None:
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


def test_the_collection_has_every_operation_starting_with_the_login() -> None:
    requests = list(_requests(COLLECTION["item"]))
    assert len(requests) == len(OPERATIONS)
    assert requests[0]["request"]["url"]["raw"] == "{{baseUrl}}/token"
    assert COLLECTION["info"]["schema"] == postman.SCHEMA


def test_every_variable_in_a_request_is_defined() -> None:
    used = set(re.findall(r"\{\{(\w+)\}\}", json.dumps(COLLECTION)))
    assert used <= {variable["key"] for variable in COLLECTION["variable"]}


def test_only_public_requests_omit_the_token() -> None:
    without = {
        (each["request"]["method"], re.sub(r"\{\{(\w+)\}\}", r"{\1}", "/" + "/".join(each["request"]["url"]["path"])))
        for each in _requests(COLLECTION["item"])
        if each["request"].get("auth") == {"type": "noauth"}
    }
    assert without == PUBLIC


def test_every_http_function_has_a_sample_event() -> None:
    assert set(routes().values()) <= samples().keys()
