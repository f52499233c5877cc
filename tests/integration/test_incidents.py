"""Signals become incidents, and people act on them, on a deployed system."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.integration.client import Client, eventually


@pytest.fixture
def kind() -> str:
    """A type of event that no other test sends."""
    return f"forced-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def rule(admin: Client, kind: str) -> Iterator[dict[str, Any]]:
    """A rule about events of that type."""
    definition = {"name": f"rule {kind}", "on": "event", "match": {"event_type": [kind]}, "severity": "critical"}
    answer = admin.post("/rules", json=definition)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    yield made
    admin.delete(f"/rules/{made['id']}")


def send(client: Client, kind: str, source: str, count: int = 1) -> None:
    event = {"event_type": kind, "event_payload": "x", "source": source}
    assert client.post("/api/event", json=[event] * count).status_code == 200


def incidents(client: Client, **query: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get("/incidents", params=query).json()["incidents"]
    return found


def opened(client: Client, rule: dict[str, Any], kind: str, source: str) -> dict[str, Any]:
    """Send events until the rule, which takes effect within 10 seconds, opens an incident; return it."""

    def look() -> list[dict[str, Any]]:
        send(client, kind, source)
        return incidents(client, rule=rule["id"], source=source)

    return eventually(look)[0]


@pytest.mark.conformance
def test_an_event_opens_an_incident_that_people_acknowledge_and_close(
    admin: Client, user: Client, rule: dict[str, Any], kind: str
) -> None:
    incident = opened(user, rule, kind, "gate")
    path = f"/incidents/{incident['id']}"
    assert (incident["state"], incident["severity"], incident["source"]) == ("open", "critical", "gate")

    acknowledged = user.post(f"{path}/acts", json={"act": "acknowledge", "note": "on my way"})
    assert (acknowledged.status_code, acknowledged.json()["acknowledged_by"]) == (200, user.username)
    again = admin.post(f"{path}/acts", json={"act": "acknowledge"})
    assert (again.status_code, again.json()["subcode"]) == (409, 4090)
    assert again.json()["detail"].startswith(f"acknowledged by {user.username} at ")

    assigned = admin.post(f"{path}/acts", json={"act": "assign", "assignee": user.username})
    assert assigned.json()["assignee"] == user.username
    assert [one["id"] for one in incidents(admin, assignee=user.username)] == [incident["id"]]
    headers = {"If-Match": assigned.headers["etag"], "Idempotency-Key": uuid.uuid4().hex}
    for _ in range(2):  # the second is the first again, though the version has changed
        closed = user.post(f"{path}/acts", json={"act": "close", "reason": "test"}, headers=headers)
        assert (closed.status_code, closed.json()["closed_by"]) == (200, user.username)

    detail = user.get(path).json()
    assert [one["act"] for one in detail["history"]] == ["open", "acknowledge", "assign", "close"]
    assert detail["evidence"][-1]["matched"] == [{"leaf": "event_type.0", "value": kind}]
    assert detail["close_reason"] == "test"


@pytest.mark.conformance
def test_several_incidents_are_closed_at_once(user: Client, rule: dict[str, Any], kind: str) -> None:
    ids = [opened(user, rule, kind, source)["id"] for source in ("gate", "yard")]
    answer = user.post("/incidents/acts", json={"act": "close", "reason": "false_alarm", "ids": ids})
    assert answer.json() == {"done": ids, "refused": []}


def test_a_deleted_rule_closes_its_incidents(admin: Client, user: Client, rule: dict[str, Any], kind: str) -> None:
    opened(user, rule, kind, "gate")
    assert admin.delete(f"/rules/{rule['id']}").status_code == 204
    closed = eventually(lambda: incidents(user, rule=rule["id"], state="closed"))
    assert [one["close_reason"] for one in closed] == ["rule_deleted"]


@pytest.mark.conformance
def test_a_signal_registers_its_source_which_administrators_describe(admin: Client, user: Client) -> None:
    name = f"device {uuid.uuid4().hex[:8]}"
    path = f"/sources/device/{name}"
    send(user, "hello", name)
    found = eventually(lambda: user.get(path), lambda answer: answer.status_code == 200)
    assert found.json()["state"] == "unknown"
    description = {"title": "The gate", "zone": "north", "expected_every": 3600, "grace": 60}
    described = admin.put(path, json=description)
    assert described.status_code == 200, described.text
    assert described.json().items() >= (description | {"state": "live"}).items()
    listed = [one for page in user.pages("/sources", zone="north") for one in page["sources"]]
    assert name in [one["name"] for one in listed]
    assert user.put(path, json=description).status_code == 403
    assert admin.delete(path, headers={"If-Match": described.headers["etag"]}).status_code == 204
    assert user.get(path).status_code == 404


@pytest.mark.conformance
def test_a_trial_tells_what_a_rule_would_have_done(admin: Client, kind: str) -> None:
    send(admin, kind, "gate", count=3)
    now = datetime.now(UTC)
    body = {
        "rule": {"name": f"trial {kind}", "on": "event", "match": {"event_type": [kind]}},
        "from": (now - timedelta(minutes=5)).isoformat(),
        "to": (now + timedelta(minutes=1)).isoformat(),
    }
    accepted = admin.post("/rules/try", json=body)
    assert accepted.status_code == 202, accepted.text
    path = f"/jobs/{accepted.json()['job_id']}"
    job = eventually(lambda: admin.get(path).json(), lambda job: job["status"] != "pending")
    tried = job["notification"]["message"]["tried"]
    assert (job["status"], tried["opened"], tried["examples"][0]["occurrences"]) == ("done", 1, 3)
