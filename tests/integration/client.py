"""A client of the API, written from the contract."""

import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import httpx

from tests.integration.record import RECORD

Value = TypeVar("Value")

DEADLINE_SECONDS = 60.0
_PAUSE_SECONDS = 0.1


def eventually(
    look: Callable[[], Value],
    is_there: Callable[[Value], bool] = bool,
    *,
    deadline_seconds: float = DEADLINE_SECONDS,
) -> Value:
    """Call ``look`` until ``is_there`` accepts its result, and return that. Fail after the deadline."""
    end = time.monotonic() + deadline_seconds
    while not is_there(seen := look()):
        assert time.monotonic() < end, f"after {deadline_seconds} s still {seen!r}"
        time.sleep(_PAUSE_SECONDS)
    return seen


class Client(httpx.Client):
    """Requests paths relative to the base URL, with a Bearer token after logging in."""

    def __init__(self, base_url: str) -> None:
        super().__init__(base_url=base_url, timeout=40, trust_env=False, event_hooks={"response": [RECORD.note]})
        self.username = ""
        self.user_id = ""

    def sign_up(self, password: str = "secret") -> None:
        """Create a user for this client, and log in."""
        username = f"u-{uuid.uuid4().hex[:12]}"
        assert self.post("/users", json={"username": username, "password": password}).status_code == 201
        self.log_in(username, password)

    def log_in(self, username: str, password: str) -> None:
        answer = self.post("/login", json={"username": username, "password": password})
        assert answer.status_code == 200, answer.text
        self.username, self.user_id = username, answer.json()["id"]
        self.carry(answer.json()["token"])

    def carry(self, token: str) -> None:
        """Send ``token`` from now on."""
        self.headers["Authorization"] = f"Bearer {token}"

    def pages(self, path: str, **query: Any) -> Iterator[Any]:
        """Yield the JSON of each page, following the links."""
        answer = self.get(path, params=query)
        while True:
            assert answer.status_code == 200, answer.text
            yield answer.json()
            if "next" not in answer.links:
                return
            answer = self.get(answer.url.join(answer.links["next"]["url"]))

    def alerts(self, last_event_id: str | None = None, **query: Any) -> tuple[list[dict[str, str]], str | None]:
        """Read one response of /alerts as an EventSource does: the events, and the id to reconnect with."""
        headers = {} if last_event_id is None else {"Last-Event-ID": last_event_id}
        answer = self.get("/alerts", params=query, headers=headers)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"].startswith("text/event-stream")
        events = []
        for block in answer.text.split("\n\n"):
            fields = dict(line.split(": ", 1) for line in block.splitlines() if line and not line.startswith(":"))
            last_event_id = fields.get("id", last_event_id)
            if "data" in fields:
                events.append(fields)
        return events, last_event_id
