"""A signal registers its source, and an administrator describes and deletes it, on a deployed system."""

import uuid
from typing import Any

import pytest

from tests.integration.client import Client, eventually


@pytest.mark.conformance
def test_an_event_registers_its_source_which_an_administrator_describes_and_deletes(
    admin: Client, user: Client
) -> None:
    name = f"gate {uuid.uuid4().hex[:8]}"
    path = f"/sources/device/{name}"
    sent = user.post("/api/event", json=[{"event_type": "opened", "event_payload": "x", "source": name}])
    assert sent.status_code == 200, sent.text
    seen = eventually(lambda: user.get(path), lambda answer: answer.status_code == 200)
    assert (seen.json()["state"], seen.json()["zone"]) == ("unknown", None)

    description = {"title": "The gate", "zone": name, "expected_every": 86_400}
    described = admin.put(path, json=description, headers={"If-Match": seen.headers["etag"]})
    assert described.status_code == 200, described.text
    assert described.json() == seen.json() | description | {"state": "live"}
    assert listed(user, zone=name) == [described.json()]

    assert admin.put(path, json={}, headers={"If-Match": seen.headers["etag"]}).status_code == 412
    assert user.delete(path).status_code == 403
    assert admin.delete(path, headers={"If-Match": described.headers["etag"]}).status_code == 204
    assert (user.get(path).status_code, listed(user, zone=name)) == (404, [])


def listed(client: Client, **query: str) -> list[dict[str, Any]]:
    return [source for page in client.pages("/sources", **query) for source in page["sources"]]
