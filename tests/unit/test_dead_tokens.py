"""Every route refuses a token that is no longer good, in time. A new route joins by itself."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from accounts import administration, issuing, password_changes, sessions
from sitewatch import clock, tokens
from sitewatch.api import Api
from sitewatch.audit import OPERATOR, Action
from sitewatch.callers import Origin, Role, Scope
from sitewatch.user_status import CACHE_SECONDS
from tests.world.calling import Answer, call, handler_of
from tests.world.people import change, log_in, sign_up, stored
from tests.world.template import ROOT, resources, routes, sample_name

pytestmark = pytest.mark.usefixtures("cheap_hashing")

DOCUMENT = json.loads((ROOT / "docs" / "openapi.json").read_text("utf-8"))
SAMPLES = {
    properties["Handler"]: json.loads((ROOT / "events" / f"{sample_name(name)}.json").read_text("utf-8"))
    for name, properties in resources("AWS::Serverless::Function").items()
}


def _app(method: str, resource: str) -> Api:
    handler: Any = handler_of(routes()[method, resource])
    app: Api = handler.__self__
    return app


DOCUMENTED = sorted((method.upper(), path) for path, methods in DOCUMENT["paths"].items() for method in methods)
FOR_USERS = [route for route in DOCUMENTED if _app(*route).access.roles & {Role.USER, Role.ADMIN}]
FOR_ADMINS = [route for route in FOR_USERS if Role.USER not in _app(*route).access.roles]
FOR_MACHINES = [route for route in DOCUMENTED if Role.MACHINE in _app(*route).access.roles]
SCOPED = [
    ("POST", "/detections", Scope.DETECTIONS),
    ("POST", "/api/event", Scope.EVENTS),
    ("POST", "/api/webhook", Scope.READINGS),
]
SOURCE_OF = {Scope.DETECTIONS: "source", Scope.EVENTS: "source", Scope.READINGS: "sensor"}


@pytest.fixture(autouse=True)
def monotonic(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The clock of what functions cache. Readings need a token, as in production."""
    now = [1000.0]
    monkeypatch.setattr("sitewatch.caching.time.monotonic", lambda: now[0])
    monkeypatch.setenv("PUBLIC_READINGS", "off")
    return now


def _send(method: str, resource: str, token: str, **body: object) -> Answer:
    """Send the sample request of a route, with this token and these fields of the body."""
    sample = SAMPLES[routes()[method, resource]]
    sent = sample["body"]
    if body:
        [first, *_] = [json.loads(sent)] if sent.startswith("{") else json.loads(sent)
        sent = json.dumps({**first, **body})
    return call(
        method,
        resource,
        path=sample["pathParameters"],
        query=sample["queryStringParameters"],
        body=sent,
        headers={"Content-Type": "application/json"},
        token=token,
    )


def _log_out(token: str) -> None:
    caller = tokens.verify(token)
    assert caller.family is not None
    sessions.end(caller.subject, caller.family, Action.LOGGED_OUT, OPERATOR)


def _reset(_: str) -> None:
    token, _expires = password_changes.issue_reset(stored().id, OPERATOR)
    password_changes.reset(token, "a new password", Origin(None, "192.0.2.1"))


ENDS: dict[str, Callable[[str], object]] = {
    "logged out": _log_out,
    "logged out everywhere": lambda token: administration.log_out_everywhere(tokens.verify(token), OPERATOR),
    "disabled": lambda _: change(disabled=True),
    "deleted": lambda _: administration.delete(stored().id, OPERATOR),
    "reset": _reset,
}


@pytest.fixture
def admins_token() -> str:
    """The token of an administrator, whose status the functions have just read. There is another administrator."""
    for name in ("Alice", "root"):
        sign_up(name)
        change(name, role=Role.ADMIN)
    token: str = log_in()["access_token"]
    assert call("GET", "/users/me", token=token).status == 200
    return token


def test_the_routes_are_those_of_the_document() -> None:
    assert len(FOR_USERS) > 30
    assert len(FOR_ADMINS) > 8
    assert {(method, path) for method, path, _ in SCOPED} | {("GET", "/api/ready")} == {
        route for route in FOR_MACHINES if _app(*route).access.scope or route == ("GET", "/api/ready")
    } | {("POST", "/api/webhook")}


@pytest.mark.parametrize("how", ENDS)
def test_a_session_that_ended_is_refused_at_once_by_routes_for_admins(
    how: str, admins_token: str, monotonic: list[float]
) -> None:
    ENDS[how](admins_token)
    answers = {route: _send(*route, admins_token) for route in FOR_ADMINS}
    assert {answer.status for answer in answers.values()} == {401}, answers


@pytest.mark.parametrize("how", ENDS)
def test_a_session_that_ended_is_refused_by_every_route_within_30_seconds(
    how: str, admins_token: str, monotonic: list[float]
) -> None:
    ENDS[how](admins_token)
    monotonic[0] += CACHE_SECONDS + 0.1
    answers = {route: _send(*route, admins_token) for route in FOR_USERS}
    assert {answer.status for answer in answers.values()} == {401}, answers
    assert {answer.json["msg"] for answer in answers.values()} == {"Token has been revoked"}


@pytest.mark.parametrize("how", ["logged out everywhere", "disabled", "reset"])
def test_a_new_login_is_accepted_at_once_by_a_function_that_remembers_the_end_of_the_last_one(
    how: str, admins_token: str, monotonic: list[float]
) -> None:
    ENDS[how](admins_token)
    monotonic[0] += CACHE_SECONDS + 0.1
    assert call("GET", "/users/me", token=admins_token).status == 401
    _reset(admins_token)
    change(disabled=False)
    token = log_in(password="a new password")["access_token"]
    assert call("GET", "/users/me", token=token).status == 200


def test_a_demoted_admin_is_refused_by_every_route_for_admins_at_once(admins_token: str) -> None:
    change(role=Role.USER)
    answers = {route: _send(*route, admins_token) for route in FOR_ADMINS}
    assert {answer.status for answer in answers.values()} == {403}, answers


def _issue(token: str, **more: object) -> dict[str, Any]:
    issued: dict[str, Any] = call("POST", "/api/tokens", body={"name": "camera", **more}, token=token).json
    return issued


def test_a_revoked_api_token_is_refused_by_every_route_in_time(admins_token: str, monotonic: list[float]) -> None:
    issued = _issue(admins_token)
    call("DELETE", "/api/tokens/{token_id}", path={"token_id": issued["id"]}, token=admins_token)
    monotonic[0] += 60
    for route in FOR_USERS + FOR_MACHINES:
        assert _send(*route, issued["api_token"]).status == (401 if route in FOR_MACHINES else 403), route


def test_an_expired_api_token_is_refused_by_every_route(admins_token: str) -> None:
    caller = tokens.verify(_issue(admins_token)["api_token"])
    expired = issuing.sign(caller, expires_at=clock.now() - timedelta(seconds=1))
    for route in FOR_USERS + FOR_MACHINES:
        answer = _send(*route, expired)
        assert (answer.status, answer.json["msg"]) == (401, "Token has expired"), route


@pytest.mark.parametrize(("method", "resource", "scope"), SCOPED)
def test_an_api_token_without_the_scope_is_refused(method: str, resource: str, scope: Scope, admins_token: str) -> None:
    others = [each for each in Scope if each is not scope]
    answer = _send(method, resource, _issue(admins_token, scopes=others)["api_token"])
    assert (answer.status, answer.json["detail"]) == (403, f"this requires the scope {scope}")
    assert _send(method, resource, _issue(admins_token, scopes=[scope])["api_token"]).status in (200, 202)


@pytest.mark.parametrize(("method", "resource", "scope"), SCOPED)
def test_an_api_token_with_a_source_speaks_for_no_other(
    method: str, resource: str, scope: Scope, admins_token: str
) -> None:
    token = _issue(admins_token, source="gate")["api_token"]
    answer = _send(method, resource, token, **{SOURCE_OF[scope]: "yard"})
    assert (answer.status, answer.json["detail"]) == (403, "this token speaks for gate only")
    assert _send(method, resource, token, **{SOURCE_OF[scope]: "gate"}).status in (200, 202)
