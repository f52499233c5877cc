"""Signals are counted once each, however often they are sent and wherever the function that watches them is killed.

``SIGNALS=10000 KILLS=20 SEED=1`` sends more, and kills more often, in the order of an earlier run.
"""

import contextlib
import os
import random
import signal
import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from runner.stack import Stack
from tests.integration.client import Client, eventually
from tests.integration.workers import emulators, needs_linux, workers

SIGNALS = int(os.environ.get("SIGNALS", "600"))
KILLS = int(os.environ.get("KILLS", "4"))
SEED = int(os.environ.get("SEED", random.randrange(10**6)))
SOURCES = 12
BATCH = 20
REPEATED = 0.05
MOST_DELAY = 0.4
"""Seconds after sending signals at which a worker is killed: the function has them within that time."""

KILLED: list[int] = []


def kill_workers(of: set[int]) -> None:
    """Kill every worker of the function that watches signals, in the middle of whatever it does."""
    for worker in workers("WatchFunction", of):
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)
            KILLED.append(worker)


@pytest.fixture
def rule(admin: Client) -> Iterator[dict[str, Any]]:
    kind = f"counted-{uuid.uuid4().hex[:8]}"
    made = admin.post("/rules", json={"name": kind, "on": "event", "match": {"event_type": [kind]}})
    assert made.status_code == 201, made.text
    yield made.json()
    admin.delete(f"/rules/{made.json()['id']}")


@needs_linux
@pytest.mark.skipif("BASE_URL" in os.environ, reason="it kills processes of the emulator")
def test_none_is_missed_and_none_doubled(stack: Stack, admin: Client, rule: dict[str, Any]) -> None:
    rng = random.Random(SEED)
    kind, wanted = rule["name"], Counter[str]()

    def send(source: str, count: int, key: str) -> None:
        event = {"event_type": kind, "event_payload": "x", "source": source}
        answer = admin.post("/api/event", json=[event] * count, headers={"Idempotency-Key": key})
        assert answer.status_code == 200, answer.text

    def counted() -> dict[str, int]:
        pages = admin.pages("/incidents", rule=rule["id"])
        found = [(one["source"], one["occurrences"]) for page in pages for one in page["incidents"]]
        assert len(dict(found)) == len(found), f"two incidents about the same (SEED={SEED})"
        return dict(found)

    def see_the_rule() -> bool:
        send("first", 1, uuid.uuid4().hex)
        return "first" in counted()

    eventually(see_the_rule)  # it takes effect within ten seconds
    batches = SIGNALS // BATCH
    delays = [rng.uniform(0.02, MOST_DELAY) for _ in range(KILLS)]
    of = emulators(stack)
    timers = {
        number * batches // KILLS: threading.Timer(delay, kill_workers, [of]) for number, delay in enumerate(delays)
    }
    for number in range(batches):
        source, key = f"source {rng.randrange(SOURCES)}", uuid.uuid4().hex
        send(source, BATCH, key)
        if number in timers:
            timers[number].start()
        if rng.random() < REPEATED:
            send(source, BATCH, key)
        wanted[source] += BATCH
    for timer in timers.values():
        timer.join()
    eventually(
        lambda: {source: count for source, count in counted().items() if source != "first"},
        lambda found: sum(found.values()) >= sum(wanted.values()),
        deadline_seconds=180,
    )
    # The last kill may have been after the last signal: whatever is delivered again by then changes nothing.
    send("last", 1, uuid.uuid4().hex)
    eventually(lambda: "last" in counted())
    found = {source: count for source, count in counted().items() if source not in ("first", "last")}
    assert found == dict(wanted), f"SEED={SEED}"
    assert KILLED, "nothing was killed"
    incidents = [one for page in admin.pages("/incidents") for one in page["incidents"]]
    numbers = sorted(one["number"] for one in incidents)
    assert numbers == list(range(1, len(numbers) + 1))
