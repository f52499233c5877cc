"""Simulated doors: a plausible day, the same whenever and however often it is stored."""

from datetime import UTC, datetime, timedelta
from itertools import accumulate

import pytest

from occupancy import instants, on_schedule_simulate, recording, simulation
from occupancy.simulation import DOORS, counted, simulate
from sitewatch import clock
from tests.world.aws import client
from tests.world.calling import call

MIDNIGHT = datetime(2026, 11, 23, tzinfo=UTC)
EVENING = MIDNIGHT + timedelta(hours=23, minutes=59)
NOON = MIDNIGHT + timedelta(hours=12)


@pytest.fixture(autouse=True)
def now(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock is past every time here."""
    monkeypatch.setattr(clock, "now", lambda: MIDNIGHT + timedelta(days=9))


@pytest.fixture
def two_people(monkeypatch: pytest.MonkeyPatch) -> None:
    """A site with less to store."""
    monkeypatch.setattr(simulation, "DOORS", {"front door": 2, "loading bay": 1})


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("day", range(20))
def test_people_come_in_the_morning_and_are_gone_at_night(door: str, day: int) -> None:
    start = MIDNIGHT + timedelta(days=day - 19)
    readings = counted(door, None, start + (EVENING - MIDNIGHT))
    inside = list(accumulate(reading.in_count - reading.out for reading in readings))
    assert min(inside) == 0
    assert max(inside) > DOORS[door] / 2
    assert inside[-1] == 0
    busy = [reading.ts for reading in readings if reading.in_count or reading.out]
    assert start + timedelta(hours=6) < min(busy)
    assert max(busy) < start + timedelta(hours=21)


def test_the_days_differ() -> None:
    days = [counted("front door", None, EVENING + timedelta(days=day)) for day in range(3)]
    assert len({tuple((reading.ts.time(), reading.out) for reading in day) for day in days}) == 3


def _inside(at: datetime) -> dict[str, int]:
    return {door: instants.at(door, at) for door in simulation.DOORS}


def _items() -> list[dict[str, object]]:
    items = client("dynamodb").scan(TableName="OccupancyTable")["Items"]
    return sorted((item for item in items if item["sensor"] != {"S": "#simulated"}), key=str)


def test_whenever_the_simulation_runs_the_counts_are_the_same(two_people: None) -> None:
    assert simulate(EVENING) > 4
    at_once = _items()
    client("dynamodb").delete_item(
        TableName="OccupancyTable", Key={"sensor": {"S": "#simulated"}, "position": {"S": "until"}}
    )
    assert simulate(EVENING) > 4  # the whole day again
    assert _items() == at_once
    assert simulate(EVENING) == 0
    assert simulate(NOON) == 0  # late
    assert simulate(EVENING) >= 0
    assert _items() == at_once


def test_a_run_that_ends_halfway_is_made_up_for(two_people: None, monkeypatch: pytest.MonkeyPatch) -> None:
    stored: list[object] = []
    record = recording.record

    def fail_later(*reading: object) -> None:
        if len(stored) == 3:
            raise ConnectionError
        record(*reading)  # type: ignore[arg-type]
        stored.append(reading)

    monkeypatch.setattr(recording, "record", fail_later)
    with pytest.raises(ConnectionError):
        simulate(NOON)
    monkeypatch.setattr(recording, "record", record)
    simulate(NOON)
    assert _inside(NOON) == {
        door: sum(reading.in_count - reading.out for reading in counted(door, None, NOON)) for door in simulation.DOORS
    }


def test_after_a_pause_of_days_nobody_is_left_inside(two_people: None) -> None:
    simulate(NOON)
    assert max(_inside(NOON).values()) > 0
    simulate(NOON + timedelta(days=5))
    assert set(_inside(EVENING).values()) == {0}
    simulate(EVENING + timedelta(days=5))
    assert set(_inside(EVENING + timedelta(days=5)).values()) == {0}


def test_every_door_is_listed_at_any_time_of_the_day(two_people: None) -> None:
    simulate(MIDNIGHT)
    assert call("GET", "/api/sensors").json == {"sensors": ["front door", "loading bay"]}


def test_the_schedule_runs_the_simulation(two_people: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOON)
    on_schedule_simulate.handler({}, None)
    assert call("GET", "/api/sensors").json["sensors"]
