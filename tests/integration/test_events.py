"""Machines send events, people list and correct them, and the sender sends samples."""

import json
import time
import uuid

import pytest

from runner.stack import Stack
from tests.integration.client import Client, eventually

pytestmark = pytest.mark.conformance


def new_type() -> str:
    return f"type {uuid.uuid4().hex[:8]}"


def test_a_machine_sends_events_and_a_user_lists_and_corrects_them(
    machine: Client, user: Client, admin: Client
) -> None:
    event_type = new_type()
    batch = [{"event_type": event_type, "event_payload": str(number)} for number in range(5)]
    receipts = [machine.post("/api/event", json=batch, headers={"Idempotency-Key": event_type}) for _ in range(2)]
    assert receipts[0].status_code == 200, receipts[0].text
    assert receipts[0].json() == receipts[1].json()
    pages = list(user.pages("/api/event", event_type=event_type, limit=2))
    listed = [event for page in pages for event in page["events"]]
    assert [event["event_payload"] for event in listed] == ["4", "3", "2", "1", "0"]
    assert [event["id"] for event in reversed(listed)] == [receipt["id"] for receipt in receipts[0].json()]
    assert user.get("/api/event", params={"limit": 1000}).json()["events"][:5] != []

    path = f"/api/event/{listed[0]['id']}"
    seen = user.get(path)
    first = user.patch(path, json={"event_payload": "first"}, headers={"If-Match": seen.headers["etag"]})
    assert (first.status_code, first.json()["event_payload"]) == (200, "first")
    second = user.put(path, json=batch[0], headers={"If-Match": seen.headers["etag"]})
    assert second.status_code == 412
    assert user.put(path, json=batch[0]).json()["event_payload"] == "0"
    assert user.delete(path).status_code == 403
    assert admin.delete(path).status_code == 204
    assert user.get(path).status_code == 404


def test_an_invalid_item_is_named_and_nothing_is_stored(machine: Client, user: Client) -> None:
    event_type = new_type()
    good = {"event_type": event_type, "event_payload": "x"}
    answer = machine.post("/api/event", json=[good, {**good, "event_payload": ""}])
    assert (answer.status_code, answer.json()["detail"][0]["field"]) == (400, "1.event_payload")
    assert user.get("/api/event", params={"event_type": event_type}).json() == {"events": []}
    assert machine.get("/api/event").status_code == 403


def test_a_queued_sample_is_sent_by_http_with_the_deployments_token(stack: Stack, user: Client) -> None:
    sqs = stack.client("sqs")
    [queue] = [url for url in sqs.list_queues()["QueueUrls"] if "SenderQueue" in url]
    before = {event["id"] for event in user.get("/api/event", params={"limit": 100}).json()["events"]}
    for second in range(int(time.time()), int(time.time()) + 12):
        sqs.send_message(QueueUrl=queue, MessageBody=json.dumps({"second": second}))

    def sent() -> list[dict[str, str]]:
        found = user.get("/api/event", params={"limit": 100}).json()["events"]
        return [event for event in found if event["id"] not in before]

    arrived = eventually(sent, lambda events: len(events) >= 5)
    assert {event["event_type"] for event in arrived} <= {"message", "user_joined", "user_left", "heartbeat"}
