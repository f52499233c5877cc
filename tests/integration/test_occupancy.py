"""Door sensors report over HTTP, and anyone can read how many people are inside."""

import random
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import pytest

from tests.integration.client import Client

pytestmark = pytest.mark.conformance

WRITERS = 8
"""At once. The unit tests have twenty, whose writes conflict; here each costs a cold start."""
MORNING = datetime(2026, 3, 1, 6, tzinfo=UTC)


def new_sensor() -> str:
    return f"door {uuid.uuid4().hex[:8]}"


def reading(sensor: str, ts: datetime, came: int, left: int) -> dict[str, Any]:
    return {"sensor": sensor, "ts": ts.isoformat(), "in_count": came, "out": left}


def report(client: Client, body: dict[str, Any], key: str | None = None) -> None:
    # As many at once are as many cold starts, however few cores there are.
    answer = client.post("/api/webhook", json=body, headers={"Idempotency-Key": key} if key else None, timeout=120)
    assert (answer.status_code, answer.json()) == (200, {"message": "OK"}), answer.text


def inside(client: Client, sensor: str, at: datetime | None = None, prefix: str = "/api") -> int:
    query = {"atInstant": at.isoformat()} if at else {}
    answer = client.get(f"{prefix}/sensors/{sensor}/occupancy", params=query)
    assert answer.status_code == 200, answer.text
    assert answer.json().get("sensor", sensor) == sensor
    return int(answer.json()["inside"])


def test_unordered_repeated_and_concurrent_readings_are_counted_exactly(anyone: Client) -> None:
    sensor, dice = new_sensor(), random.Random(7)
    readings = [
        (MORNING + timedelta(seconds=dice.randrange(7200)), dice.randrange(5), dice.randrange(4)) for _ in range(100)
    ]
    deliveries = [(reading(sensor, *each), uuid.uuid4().hex) for each in readings] * 2
    dice.shuffle(deliveries)
    with ThreadPoolExecutor(WRITERS) as writers:
        list(writers.map(lambda delivery: report(anyone, *delivery), deliveries))
    assert inside(anyone, sensor) == sum(came - left for _, came, left in readings)
    for minutes in (-1, 0, 17, 59.5, 60, 120):
        at = MORNING + timedelta(minutes=minutes)
        expected = sum(came - left for ts, came, left in readings if ts <= at)
        assert inside(anyone, sensor, at) == inside(anyone, sensor, at, prefix="") == expected


def test_a_sensor_is_listed_and_charted_and_an_unknown_one_is_not_found(anyone: Client) -> None:
    sensor = new_sensor()
    unknown = anyone.get(f"/api/sensors/{sensor}/occupancy")
    assert (unknown.status_code, unknown.json()["detail"]) == (404, "Not Found")
    report(anyone, reading(sensor, MORNING, 3, 0))
    report(anyone, reading(sensor, MORNING + timedelta(minutes=20), 0, 3))
    report(anyone, reading(f"{sensor} too", MORNING, 1, 0))
    # Start just before it, because a used system has many other sensors.
    pages = [page["sensors"] for page in islice(anyone.pages("/api/sensors", limit=1, start=sensor[:-1]), 2)]
    names = [name for page in pages for name in page]
    assert sensor in names
    assert names == sorted(names)
    until = (MORNING + timedelta(minutes=30)).isoformat()
    history = anyone.get(
        f"/api/sensors/{sensor}/history", params={"from": MORNING.isoformat(), "to": until, "step": 600}
    ).json()
    assert [point["inside"] for point in history["points"]] == [3, 3, 0, 0]
    assert inside(anyone, sensor) == inside(anyone, sensor, MORNING + timedelta(days=1), prefix="") == 0


def test_a_bad_reading_is_a_400_that_names_the_field(anyone: Client) -> None:
    answer = anyone.post("/api/webhook", json={**reading(new_sensor(), MORNING, 1, 0), "ts": "soon"})
    assert (answer.status_code, answer.json()["detail"][0]["field"]) == (400, "ts")
