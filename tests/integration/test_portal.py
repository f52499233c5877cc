"""Health, the dashboard and its files on the deployed system."""

import re

import pytest

from tests.integration.client import Client

pytestmark = pytest.mark.conformance


def test_a_healthy_system_reports_ok_to_anyone_by_get_and_post(anyone: Client) -> None:
    for method in ("GET", "POST"):
        answer = anyone.request(method, "/check")
        assert (answer.status_code, answer.json()) == (200, {"health": "ok"})


@pytest.mark.parametrize("path", ["/check", "/", "/docs", "/openapi.json"])
def test_a_head_gets_the_headers_of_the_get_without_its_body(anyone: Client, path: str) -> None:
    get, head = (anyone.request(method, path) for method in ("GET", "HEAD"))
    assert (head.status_code, head.content) == (200, b"")
    for name in ("content-type", "content-length", "cache-control", "etag"):
        assert head.headers.get(name) == get.headers.get(name)


def test_a_user_may_check_readiness(user: Client) -> None:
    assert user.get("/api/ready").json() == {"status": "ready"}


def test_the_dashboard_is_served_with_its_files(anyone: Client) -> None:
    page = anyone.get("/")
    assert (page.status_code, page.headers["content-type"].partition(";")[0]) == (200, "text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    files = re.findall(r'"(?:\./)?(assets/[^"]+)"', page.text)
    assert files
    for name in files:
        file = anyone.get(f"/{name}")
        assert (file.status_code, len(file.content) > 0) == (200, True), name
        assert "immutable" in file.headers["cache-control"]
    assert anyone.get("/assets/nothing.js").json()["subcode"] == 4040


def test_the_simulated_source_returns_a_point_or_fails_as_sources_do(anyone: Client) -> None:
    answers = [anyone.get("/simulator/data-point") for _ in range(5)]
    if answers[0].status_code == 404:
        pytest.skip("this deployment has no simulated source")
    assert {answer.status_code for answer in answers} <= {200, 503}
    assert any(answer.status_code == 200 and answer.json() for answer in answers)
