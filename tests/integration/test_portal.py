"""Health and documents on the deployed system."""

from tests.integration.client import Client


def test_a_healthy_system_says_so_whoever_asks_and_how(anyone: Client) -> None:
    for method in ("GET", "POST"):
        answer = anyone.request(method, "/check")
        assert (answer.status_code, answer.json()) == (200, {"health": "ok"})


def test_a_user_may_ask_whether_it_is_ready(user: Client) -> None:
    assert user.get("/api/ready").json() == {"status": "ready"}
