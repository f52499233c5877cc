"""What every endpoint gets from ``Api``: access, validation, size limits, CORS and unexpected errors."""

import json
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import urlencode

import pytest
from aws_lambda_powertools.event_handler.openapi.params import Body, Form, Query

from accounts import issuing
from sitewatch import api, clock, ids, keys, tokens, user_status
from sitewatch.api import Api
from sitewatch.callers import Access, Caller, Role, TokenUse
from sitewatch.errors import FORBIDDEN, ApiError
from sitewatch.models import BaseModel
from tests.world.calling import Answer, Context, access_token, api_event, read
from tests.world.instance import Log
from tests.world.settings import SIGNING_SECRET

ORIGIN = "https://watch.example.com"


class Thing(BaseModel):
    name: str
    size: int = 1


class SurprisedByASecret(Exception):
    """An unexpected error, whose message belongs in the log only."""


def _endpoint(**options: Any) -> Api:
    """Return an endpoint with a route for each case."""
    app = Api(**options)

    @app.post("/things")
    def post(things: Annotated[Thing | list[Thing], Body()]) -> dict[str, Any]:
        return {"things": things.model_dump() if isinstance(things, Thing) else len(things)}

    @app.get("/things")
    def get(limit: Annotated[int, Query(ge=1)] = 1, name: str | None = None) -> dict[str, Any]:
        return {"limit": limit, "name": name}

    @app.post("/form")
    def form(name: Annotated[str, Form(max_length=5)]) -> dict[str, str]:
        return {"name": name}

    @app.get("/surprise")
    def surprise() -> dict[str, str]:
        raise SurprisedByASecret("the table of secrets")

    @app.get("/forbidden")
    def forbidden() -> dict[str, str]:
        raise ApiError(FORBIDDEN, "not you")

    @app.get("/me")
    def me() -> dict[str, str]:
        return {"caller": app.require_caller().subject}

    return app


def _ask(app: Api, method: str, path: str, **request: Any) -> Answer:
    return read(app.resolve(api_event(method, path, **request), Context()))


@pytest.fixture(autouse=True)
def world(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests need no tables, and only the signing secret. Nothing has happened to any user."""
    monkeypatch.setattr(user_status, "read", lambda *_, **__: None)
    monkeypatch.setattr(keys, "current_signing_key", lambda: keys.signing_key(SIGNING_SECRET))


@pytest.fixture
def public() -> Api:
    return _endpoint(access=api.PUBLIC)


@pytest.fixture
def private() -> Api:
    return _endpoint()


# --- access ---------------------------------------------------------------------------------------


def test_an_endpoint_is_for_users_and_admins_by_default(private: Api) -> None:
    assert _ask(private, "GET", "/things").status == 401
    assert _ask(private, "GET", "/things", token=access_token(Role.USER)).status == 200
    assert _ask(private, "GET", "/things", token=access_token(Role.ADMIN)).status == 200
    assert _ask(private, "GET", "/things", token=access_token(Role.MACHINE)).status == 403


@pytest.mark.parametrize(
    ("access", "allowed"),
    [
        (api.USERS, {Role.USER, Role.ADMIN}),
        (api.ADMINS, {Role.ADMIN}),
        (api.MACHINES_AND_ADMINS, {Role.MACHINE, Role.ADMIN}),
        (api.ALL_ROLES, {Role.USER, Role.ADMIN, Role.MACHINE}),
    ],
)
@pytest.mark.parametrize("role", list(Role))
def test_only_allowed_roles_may_call_an_endpoint(access: Access, allowed: set[Role], role: Role) -> None:
    answer = _ask(_endpoint(access=access), "GET", "/things", token=access_token(role))
    if role in allowed:
        assert answer.status == 200
    else:
        assert (answer.status, answer.json["code"], answer.json["subcode"]) == (403, 403, 4133)
        assert "www-authenticate" not in answer.headers


@pytest.mark.parametrize("name", ["Authorization", "authorization", "AUTHORIZATION"])
@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER  "])
def test_header_and_scheme_are_case_insensitive(private: Api, name: str, scheme: str) -> None:
    assert _ask(private, "GET", "/things", headers={name: scheme + access_token()}).status == 200


def test_a_public_endpoint_ignores_any_token(public: Api) -> None:
    assert _ask(public, "GET", "/things", token="garbage").status == 200
    assert public.caller is None


def test_each_request_has_its_own_caller(private: Api) -> None:
    for subject in (ids.new_id(), ids.new_id()):
        answer = _ask(private, "GET", "/me", token=access_token(subject=subject))
        assert answer.json == {"caller": subject}
    assert _ask(private, "GET", "/me").status == 401


def test_requiring_a_caller_on_a_public_endpoint_is_a_401(public: Api) -> None:
    assert _ask(public, "GET", "/me", token=access_token()).json["msg"] == "Missing Authorization Header"


def test_access_is_checked_before_the_body(private: Api) -> None:
    for body in ("{", "x" * 100_000, b"\xff"):
        assert _ask(private, "POST", "/things", body=body).status == 401
        assert _ask(private, "POST", "/things", body=body, token=access_token(Role.MACHINE)).status == 403
        assert _ask(private, "POST", "/things", body=body, token=access_token()).status == 400


# --- input ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("content_type", ["application/json", "application/x-www-form-urlencoded", "text/plain", "x"])
def test_a_body_is_parsed_as_json_whatever_its_content_type(public: Api, content_type: str) -> None:
    # curl -d labels every body as a form.
    answer = _ask(public, "POST", "/things", body={"name": "a"}, headers={"Content-Type": content_type})
    assert answer.json == {"things": {"name": "a", "size": 1}}


@pytest.mark.parametrize("content_type", ["multipart/form-data", "application/json", "x"])
def test_a_form_is_parsed_whatever_its_content_type(content_type: str) -> None:
    app = _endpoint(access=api.PUBLIC, form=True)
    event = api_event("POST", "/form", body="name=ann", headers={"content-type": content_type})
    assert read(app.resolve(event, Context())).json == {"name": "ann"}


BROWSERS = [
    {"Origin": "https://elsewhere.example"},
    {"Origin": "null"},
    {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Site": "cross-site"},
    {"sec-fetch-site": "same-origin"},
]


@pytest.mark.parametrize("browser", BROWSERS)
@pytest.mark.parametrize(
    "content_type", ["text/plain;charset=UTF-8", "application/x-www-form-urlencoded", "multipart/form-data", "", None]
)
def test_a_web_page_must_declare_json_which_a_page_of_another_origin_cannot(
    public: Api, content_type: str | None, browser: dict[str, str]
) -> None:
    headers = {**browser, "Content-Type": content_type or ""}
    event = api_event("POST", "/things", body=Thing(name="a").model_dump(), headers=headers)
    if content_type is None:
        del event["headers"]["Content-Type"]
    refused = read(public.resolve(event, Context()))
    assert (refused.status, refused.json["detail"][0]["field"]) == (400, "Content-Type")


@pytest.mark.parametrize("browser", BROWSERS)
@pytest.mark.parametrize("content_type", ["application/json", "Application/JSON; charset=utf-8"])
def test_a_web_page_may_send_json(public: Api, content_type: str, browser: dict[str, str]) -> None:
    headers = {**browser, "Content-Type": content_type}
    assert _ask(public, "POST", "/things", body={"name": "a"}, headers=headers).status == 200


def test_a_web_page_may_send_a_form_to_its_own_origin_or_if_it_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORS_ORIGINS", ORIGIN)
    app = _endpoint(access=api.PUBLIC, form=True)
    foreign = {"Origin": "https://elsewhere.example", "Sec-Fetch-Site": "cross-site"}
    assert _ask(app, "POST", "/form", form={"name": "a"}, headers={"Sec-Fetch-Site": "same-origin"}).status == 200
    assert _ask(app, "POST", "/form", form={"name": "a"}, headers={**foreign, "Origin": ORIGIN}).status == 200
    assert _ask(app, "POST", "/form", form={"name": "a"}, headers=foreign).status == 400
    plain = {"Origin": ORIGIN, "Content-Type": "text/plain"}
    assert _ask(app, "POST", "/form", body="name=a", headers=plain).status == 400


def test_a_base64_encoded_body_is_decoded(public: Api) -> None:
    assert _ask(public, "POST", "/things", body='{"name": "é"}'.encode()).json["things"]["name"] == "é"


NO_JSON = {
    "cut off": "{",
    "not JSON": "name=a",
    "not a number": '{"name": NaN}',
    "infinity": '{"name": Infinity}',
    "a lone surrogate": '{"name": "\\ud800"}',
    "a lone surrogate as it is": '{"name": "\ud800"}',
    "a great depth": "[" * 60_000,
    "a great number": '{"size": ' + "9" * 10_000 + "}",
    "a trailing comma": '{"name": "a",}',
    "two values": '{"name": "a"} {}',
    "a single quote": "{'name': 'a'}",
    "no text in UTF-8": b'{"name": "\xff"}',
    "a byte order mark": b'\xef\xbb\xbf{"name": "a"}',
}


@pytest.mark.parametrize("case", NO_JSON)
def test_a_body_that_is_not_json_is_a_400_that_names_the_body(public: Api, case: str) -> None:
    answer = _ask(public, "POST", "/things", body=NO_JSON[case])
    assert answer.status == 400
    assert (answer.json["code"], answer.json["subcode"], answer.json["error"]) == (400, 4018, "Invalid JSON Query")
    assert [problem["field"] for problem in answer.json["detail"]] == ["body"]


def test_a_body_with_invalid_base64_is_a_400(public: Api) -> None:
    event = {**api_event("POST", "/things", body='{"name": "a"}'), "isBase64Encoded": True}
    answer = read(public.resolve(event, Context()))
    assert (answer.status, answer.json["detail"][0]["field"]) == (400, "body")


@pytest.mark.parametrize(
    ("query", "hint"),
    [({"limits": "1"}, "; did you mean limit?"), ({"NAME": "x"}, "; did you mean name?"), ({"zzz": "1"}, "")],
)
def test_an_unknown_parameter_is_a_400_that_names_the_nearest(public: Api, query: dict[str, str], hint: str) -> None:
    answer = _ask(public, "GET", "/things", query={**query, "limit": "2"} if "limits" not in query else query)
    [name] = query
    assert (answer.status, answer.json["detail"]) == (400, [{"field": name, "message": f"unknown parameter{hint}"}])


def test_a_page_ignores_unknown_parameters() -> None:
    assert _ask(_endpoint(access=api.PUBLIC, ignores_query=True), "GET", "/things", query={"utm": "x"}).status == 200


@pytest.mark.parametrize("body", ['{"name": "x"}', " [1]", '--boundary\r\nContent-Disposition: form-data; name="name"'])
def test_a_body_that_is_no_form_is_a_400_that_names_the_form(body: str) -> None:
    answer = _ask(_endpoint(access=api.PUBLIC, form=True), "POST", "/form", body=body)
    message = "not a form (application/x-www-form-urlencoded)"
    assert (answer.status, answer.json["detail"]) == (400, [{"field": "body", "message": message}])


def test_json_that_an_engine_encoded_as_a_form_is_a_400_that_names_the_header(public: Api) -> None:
    answer = _ask(public, "POST", "/things", body=urlencode({'{"name": "a", "size": 1}': ""}))
    [problem] = answer.json["detail"]
    assert answer.status == 400
    assert "send application/json as Content-Type" in problem["message"]


def test_a_list_is_a_400_unless_the_endpoint_accepts_lists(public: Api) -> None:
    answer = _ask(public, "POST", "/things", body=[{"name": "a", "size": 1}])
    assert (answer.status, answer.json["detail"]) == (400, [{"field": "body", "message": "not a JSON object"}])


def test_every_bad_field_in_a_list_is_reported_with_its_index() -> None:
    answer = _ask(
        _endpoint(access=api.PUBLIC, accepts_list=True), "POST", "/things", body=[{"name": "a"}, {"size": "big"}]
    )
    fields = {problem["field"] for problem in answer.json["detail"]}
    assert answer.status == 400
    assert any(field.endswith("1.name") for field in fields)
    assert any(field.endswith("1.size") for field in fields)


def test_an_error_response_does_not_repeat_the_input(public: Api) -> None:
    answer = _ask(public, "POST", "/things", body={"name": ["hunter2"], "size": "hunter2"})
    assert answer.status == 400
    assert "hunter2" not in answer.text


def test_a_missing_body_is_a_400(public: Api) -> None:
    for request in ({}, {"body": ""}, {"headers": {"Content-Type": "text/plain"}}):
        answer = _ask(public, "POST", "/things", **request)
        assert (answer.status, answer.json["detail"][0]["field"]) == (400, "body")


@pytest.mark.parametrize("encode", [str, str.encode])
def test_a_body_over_the_limit_is_rejected_before_parsing(encode: Any) -> None:
    app = _endpoint(access=api.PUBLIC, max_body_bytes=100)
    fits = json.dumps({"name": "a" * 80}).ljust(100)
    assert _ask(app, "POST", "/things", body=encode(fits)).status == 200

    answer = _ask(app, "POST", "/things", body=encode(fits + " "))
    assert (answer.status, answer.json["subcode"]) == (400, 4018)
    assert answer.json["detail"] == [{"field": "body", "message": "at most 100 bytes"}]


def test_the_limit_counts_bytes_and_not_characters() -> None:
    app = _endpoint(access=api.PUBLIC, max_body_bytes=100)
    assert _ask(app, "POST", "/things", body='{"name": "' + "é" * 50 + '"}').status == 400


def test_a_get_takes_parameters_from_the_body_but_prefers_the_query() -> None:
    app = _endpoint(access=api.PUBLIC, body_as_query=True)

    assert _ask(app, "GET", "/things", body={"limit": 5, "name": "a"}).json == {"limit": 5, "name": "a"}
    assert _ask(app, "GET", "/things", body={"limit": 5, "name": "a"}, query={"limit": 7}).json == {
        "limit": 7,
        "name": "a",
    }
    assert _ask(app, "GET", "/things", body={"limit": "5", "name": None}).json == {"limit": 5, "name": None}
    assert _ask(app, "GET", "/things", body=b'{"limit": 5}').json["limit"] == 5
    assert _ask(app, "GET", "/things").json == {"limit": 1, "name": None}


NO_OBJECT = ["x", "[]", '"limit"', "1", "null", "{", '{"limit": NaN}', f'{{"limit": {"9" * 5000}}}']


@pytest.mark.parametrize("body", NO_OBJECT)
def test_a_get_body_that_is_not_an_object_is_an_invalid_json_query(body: str) -> None:
    answer = _ask(_endpoint(access=api.PUBLIC, body_as_query=True), "GET", "/things", body=body)
    assert (answer.status, answer.json["subcode"], answer.json["detail"][0]["field"]) == (400, 4018, "body")


@pytest.mark.parametrize("value", [0, True, [1], {"a": 1}, "abc", 1.5, ""])
def test_a_bad_parameter_in_a_get_body_is_reported_like_one_in_the_query(value: object) -> None:
    answer = _ask(_endpoint(access=api.PUBLIC, body_as_query=True), "GET", "/things", body={"limit": value})
    assert (answer.status, answer.json["subcode"], answer.json["detail"][0]["field"]) == (400, 4015, "limit")


def test_a_get_body_is_ignored_unless_the_endpoint_accepts_one(public: Api) -> None:
    assert _ask(public, "GET", "/things", body={"limit": 5}).json == {"limit": 1, "name": None}


# --- responses ------------------------------------------------------------------------------------


def test_an_unexpected_error_is_counted_for_the_alarm(
    public: Api, log: Log, capsys: pytest.CaptureFixture[str]
) -> None:
    _ask(public, "GET", "/things")
    assert capsys.readouterr().out == ""

    _ask(public, "GET", "/surprise")
    counted = json.loads(capsys.readouterr().out)
    [metrics] = counted["_aws"]["CloudWatchMetrics"]
    # The alarms of monitoring.yaml look for these.
    assert (metrics["Namespace"], metrics["Dimensions"]) == ("Sitewatch", [["function_name", "service"]])
    assert counted["UnexpectedErrors"] == [1.0]
    assert (counted["function_name"], counted["service"]) == (Context().function_name, "sitewatch")


def test_an_unexpected_error_is_a_500_without_details_and_a_trace_in_the_log(public: Api, log: Log) -> None:
    answer = _ask(public, "GET", "/surprise")
    assert answer.status == 500
    assert answer.json == {"code": 500, "subcode": 5000, "error": "Unexpected Error", "detail": "Unexpected Error"}

    (error,) = [line for line in log.lines if line["level"] == "ERROR"]
    assert "SurprisedByASecret" in error["exception"]


def test_an_unexpected_error_outside_the_route_is_a_500(private: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def verify(token: str) -> Caller:
        raise SurprisedByASecret(token)

    monkeypatch.setattr("sitewatch.tokens.verify", verify)
    answer = _ask(private, "GET", "/things", token="secret")
    assert (answer.status, answer.json["subcode"]) == (500, 5000)
    assert "secret" not in answer.text


def test_an_unknown_path_is_a_404(public: Api) -> None:
    answer = _ask(public, "GET", "/elsewhere")
    assert answer.status == 404
    assert answer.json == {"code": 404, "subcode": 4040, "error": "Not Found", "detail": "Not Found"}


def test_no_response_may_be_cached(public: Api, private: Api) -> None:
    for answer in (_ask(public, "GET", "/things"), _ask(private, "GET", "/things"), _ask(public, "GET", "/surprise")):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["vary"] == "Origin"
        assert answer.headers["content-type"] == "application/json"


def test_every_response_is_for_https_and_for_its_own_type_only(public: Api, private: Api) -> None:
    for answer in (
        _ask(public, "GET", "/things"),
        _ask(private, "GET", "/things"),
        _ask(public, "GET", "/surprise"),
        _ask(public, "GET", "/elsewhere"),
    ):
        assert answer.headers["strict-transport-security"] == "max-age=31536000"
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_log_names_the_caller_and_the_address(private: Api, log: Log) -> None:
    caller = Caller("the subject", "someone", Role.USER, TokenUse.ACCESS, "the token")
    token = issuing.sign(caller, expires_at=clock.now() + tokens.ACCESS_LIFETIME)
    assert _ask(private, "GET", "/things", token=token).status == 200
    named = {"subject": "the subject", "role": "user", "token_id": "the token", "address": "192.0.2.1"}
    assert {name: log.lines[-1].get(name) for name in named} == named


def test_the_log_names_a_caller_who_is_refused_and_never_the_one_before(private: Api, log: Log) -> None:
    assert _ask(private, "GET", "/things", token=access_token(subject="a machine", role=Role.MACHINE)).status == 403
    assert log.lines[-1]["subject"] == "a machine"
    for token in (None, "garbage"):
        assert _ask(private, "GET", "/things", token=token).status == 401
        assert "subject" not in log.lines[-1]
        assert log.lines[-1]["address"] == "192.0.2.1"


def test_a_request_is_logged_with_route_and_status_but_without_its_data(private: Api, log: Log) -> None:
    token = access_token(username="someone")
    event = api_event("POST", "/things", query={"name": "hunter2"}, body={"name": "hunter2"}, token=token)
    private.resolve(event, Context())

    (line,) = log.lines
    assert {name: line[name] for name in ("message", "method", "route", "status", "correlation_id")} == {
        "message": "request",
        "method": "POST",
        "route": "/things",
        "status": 200,
        "correlation_id": event["requestContext"]["requestId"],
    }
    assert line["milliseconds"] >= 0
    assert "hunter2" not in json.dumps(line)
    assert token not in json.dumps(line)


def test_an_event_without_headers_is_handled(public: Api) -> None:
    # The console's test button sends such events.
    event = {**api_event("GET", "/things"), "headers": None, "multiValueHeaders": None}
    assert read(public.resolve(event, Context())).status == 200


# --- CORS -----------------------------------------------------------------------------------------


@pytest.fixture(params=["https://watch.example.com", "https://other.example.com,https://watch.example.com"])
def configured(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, Api]:
    monkeypatch.setenv("CORS_ORIGINS", request.param)
    form = _endpoint(access=api.PUBLIC, form=True)
    return {"public": _endpoint(access=api.PUBLIC), "private": _endpoint(), "form": form}


# One request for each way of producing a response.
ASKED = [
    ("public", "GET", "/things", {}, 200),
    ("public", "POST", "/things", {"body": {"name": "a"}}, 200),
    ("form", "POST", "/form", {"form": {"name": "a"}}, 200),
    ("public", "POST", "/things", {"body": "{"}, 400),
    ("public", "POST", "/things", {"body": "x" * 100_000}, 400),
    ("private", "GET", "/things", {}, 401),
    ("private", "GET", "/things", {"token": "garbage"}, 401),
    ("public", "GET", "/forbidden", {}, 403),
    ("public", "GET", "/elsewhere", {}, 404),
    ("public", "GET", "/surprise", {}, 500),
]


@pytest.mark.parametrize(("endpoint", "method", "path", "request_", "status"), ASKED)
@pytest.mark.parametrize("header", ["Origin", "origin"])
def test_a_configured_origin_may_read_every_response(
    configured: Mapping[str, Api],
    endpoint: str,
    method: str,
    path: str,
    request_: dict[str, Any],
    status: int,
    header: str,
) -> None:
    answer = _ask(configured[endpoint], method, path, headers={header: ORIGIN}, **request_)

    assert answer.status == status
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert {"Link", "Retry-After", "WWW-Authenticate"} <= set(
        answer.headers["access-control-expose-headers"].split(",")
    )
    assert answer.headers["vary"] == "Origin"


@pytest.mark.parametrize(("endpoint", "method", "path", "request_", "status"), ASKED)
@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example.com"}, {"Origin": "null"}, {}])
def test_another_origin_may_read_no_response(
    configured: Mapping[str, Api],
    endpoint: str,
    method: str,
    path: str,
    request_: dict[str, Any],
    status: int,
    headers: dict[str, str],
) -> None:
    answer = _ask(configured[endpoint], method, path, headers=headers, **request_)
    assert answer.status == status
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("origin", [ORIGIN, "", "null"])
def test_without_configured_origins_no_origin_may_read_a_response(origin: str) -> None:
    for path in ("/things", "/surprise"):
        answer = _ask(_endpoint(access=api.PUBLIC), "GET", path, headers={"Origin": origin})
        assert "access-control-allow-origin" not in answer.headers
