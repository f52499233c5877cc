"""Nothing lost, nothing duplicated: batches are redelivered, split and reordered, and any call may fail."""

import json
import random
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from itertools import chain
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from detections import catalogue, formats
from sitewatch import clock, ids
from sitewatch.names import fold
from tests.world.aggregates import aggregated
from tests.world.aws import reset
from tests.world.faults import Fault, Wire
from tests.world.pipeline import (
    ARRIVAL,
    Pipeline,
    Record,
    alerts,
    quarantined,
    reported,
    stats,
    stored,
    vehicle,
)

POISON = [
    b"",
    b"noise",
    b"\xff\xfe\x00",
    b"[]",
    b"null",
    b'{"year": 2020, "make": "Kia", "model": "Sorento"}',
    json.dumps(vehicle(year="2020")).encode(),
    json.dumps(vehicle(year=2020.5)).encode(),
    json.dumps(vehicle(year=True)).encode(),
    json.dumps(vehicle(year=1885)).encode(),
    json.dumps(vehicle(make=7)).encode(),
    json.dumps(vehicle(make="")).encode(),
    json.dumps(vehicle(model="x" * 65)).encode(),
    json.dumps(vehicle(category="SU\0V")).encode(),
    json.dumps(vehicle(created_at=1790000000)).encode(),
    json.dumps(vehicle(created_at="2105-01-01T00:00:00Z")).encode(),
    json.dumps(vehicle(id=17)).encode(),
    json.dumps(vehicle(id="")).encode(),
]


def noise(size: int, seed: int) -> bytes:
    return random.Random(seed).randbytes(size)


class Outcome:
    """The final state that clients, subscribers and readers of the quarantine see."""

    def __init__(self) -> None:
        self.stored = stored()
        self.alerts = alerts()
        self.quarantined = quarantined()

    def check_that_it_agrees(self) -> None:
        """Check that the sums match the table, and that each suspicious detection is one alert."""
        for by in ("make", "category", "year"):
            sums = stats(by)
            assert {fold(name): total for name, total in sums.items()} == Counter(
                fold(str(item[by])) for item in self.stored.values()
            )
            assert sums.keys() <= {str(item[by]) for item in self.stored.values()}
        suspicious = sorted(name for name, item in self.stored.items() if item["suspicious"])
        assert sorted(alert["id"] for alert in self.alerts) == suspicious


VEHICLES = [
    vehicle(make="Kia", category="SUV"),
    vehicle(make="KIA", category="Sedan", year=2019),
    vehicle(make="Acura", category="suv", year=2021),
    vehicle(make="Audi", category="SUV Coupe", year=2021),
]


@st.composite
def reports(draw: st.DrawFn) -> dict[str, Any]:
    report = dict(draw(st.sampled_from(VEHICLES)))
    number = draw(st.integers(0, 2))
    if number:  # 0 has no id: each is a separate detection
        report["id"] = f"id-{number}"
    if draw(st.booleans()):
        report["source"] = draw(st.sampled_from(["gate", "car park"]))
    if draw(st.booleans()):
        report["created_at"] = f"2026-11-2{draw(st.integers(0, 2))}T06:10:30Z"
    return report


@st.composite
def contents(draw: st.DrawFn) -> bytes:
    """One report, or several with some poison among them, as JSON Lines or as an aggregate."""
    several = [json.dumps(report).encode() for report in draw(st.lists(reports(), min_size=1, max_size=3))]
    if len(several) == 1:
        return several[0]
    several.insert(draw(st.integers(0, 3)), draw(st.sampled_from([b'{"year": 7}', several[0]])))
    return aggregated(*several) if draw(st.booleans()) else b"\n".join(several)


@st.composite
def streams(draw: st.DrawFn) -> list[Record]:
    """Records of one shard, in the order of their arrival."""
    drawn = draw(st.lists(st.one_of(contents(), st.sampled_from(POISON)), max_size=14))
    return [
        Record(number, data, arrived_at=ARRIVAL + timedelta(minutes=7 * number)) for number, data in enumerate(drawn)
    ]


@st.composite
def deliveries(draw: st.DrawFn) -> list[list[Record]]:
    """A stream split into batches, some redelivered, split differently, in any order."""
    records = draw(streams())
    cuts = sorted(draw(st.lists(st.integers(0, len(records)), max_size=4)))
    batches = [records[start:end] for start, end in zip([0, *cuts], [*cuts, len(records)], strict=True) if start < end]
    spans = draw(st.lists(st.tuples(st.integers(0, len(records)), st.integers(0, len(records))), max_size=3))
    again = [records[min(span) : max(span)] for span in spans if span[0] != span[1]]
    return draw(st.permutations(batches + again))


FAULTS = st.lists(st.one_of(st.none(), st.sampled_from(Fault)), max_size=40)
SIZES = st.lists(st.integers(1, 6), max_size=20)
REWINDS = st.lists(st.integers(0, 3), max_size=12)


@pytest.mark.no_cover  # tracing would double its time, and smaller tests cover the same
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=deliveries(), faults=FAULTS, sizes=SIZES, rewinds=REWINDS, shuffler=st.randoms(use_true_random=False))
def test_nothing_is_lost_or_duplicated_whatever_fails_or_is_redelivered(
    batches: list[list[Record]],
    faults: list[Fault | None],
    sizes: list[int],
    rewinds: list[int],
    shuffler: random.Random,
) -> None:
    reset()
    records = list({record.number: record for record in chain(*batches)}.values())
    with Wire(faults) as wire:
        pipeline = Pipeline(wire)
        more_sizes, more_rewinds = iter(sizes), iter(rewinds)
        for batch in batches:
            pipeline.index(batch)
            pipeline.carry_on(more_sizes, more_rewinds, shuffler.shuffle)
        outcome = Outcome()

    outcome.check_that_it_agrees()
    expected: set[tuple[object, ...]] = set()
    poison: list[bytes] = []
    for record in records:
        parts = [record.data] if record.data in POISON else [part.data for part in formats.parts(record.data)]
        for index, data in enumerate(parts):
            if data in POISON or data == b'{"year": 7}':
                poison.append(data)
                continue
            report = json.loads(data)
            expected.add(identity(report) if "id" in report else (record.number, index))
    assert len(outcome.stored) == len(expected)
    with_id = {identity(item) for item in map(as_reported, outcome.stored.values()) if "id" in item}
    assert with_id == {one for one in expected if len(one) > 2}
    assert sorted(data for data, _ in outcome.quarantined) == sorted(poison)
    assert all(reason for _, reason in outcome.quarantined)


def identity(report: dict[str, Any]) -> tuple[object, ...]:
    """What tells a report that has an id from all others."""
    content = (report["year"], report["make"], report["model"], report["category"])
    return (report.get("source", "unknown"), report["id"], *content, report.get("created_at"))


def as_reported(item: dict[str, Any]) -> dict[str, Any]:
    """A stored detection in the form of its report."""
    report = {name: value for name, value in item.items() if name not in ("id", "created_at")}
    if "reported_id" in item:
        report["id"] = item["reported_id"]
    if ids.time_of(item["id"]) > clock.EARLIEST:
        report["created_at"] = item["created_at"].replace(".000000Z", "Z")
    return report


@pytest.mark.no_cover  # tracing would double its time, and smaller tests cover the same
def test_ten_thousand_records_with_repeats_poison_and_faults_leave_exactly_the_distinct_valid_ones() -> None:
    chance = random.Random(20261122)
    vehicles = catalogue.vehicles()
    good = []
    for number in range(9_400):
        report = {**chance.choice(vehicles), "id": f"camera-{number}"}
        if number % 2:
            report["created_at"] = (ARRIVAL - timedelta(seconds=chance.randrange(1800))).isoformat()
        good.append(json.dumps(report).encode())
    poison = [chance.choice(POISON[1:]) + b" " * number for number in range(75)]
    poison += [noise(1024 * 1024, seed) for seed in range(25)]
    repeats = chance.sample(good, 500)
    contents = chance.sample(good + poison, len(good) + len(poison))
    for repeat in repeats:  # in another batch, later
        first = contents.index(repeat)
        contents.insert(chance.randrange(min(first + 500, len(contents)), len(contents) + 1), repeat)
    records = [
        Record(number, data, arrived_at=ARRIVAL + timedelta(milliseconds=100 * number))
        for number, data in enumerate(contents)
    ]
    assert len(records) == 10_000

    with Wire(now_and_then(chance)) as wire:
        pipeline = Pipeline(wire, table_shards=1)
        for start in range(0, len(records), 500):
            pipeline.index(records[start : start + 500])
            if chance.random() < 0.1:
                pipeline.index(records[start : start + 100])
            pipeline.carry_on(rewinds=(chance.choice([0] * 9 + [2]) for _ in iter(int, 1)))
        outcome = Outcome()
        outcome.check_that_it_agrees()

    wanted = {report["id"]: report for report in map(json.loads, good)}
    found = reported()
    assert found.keys() == wanted.keys()
    for reported_id, report in wanted.items():
        item = found[reported_id]
        assert {name: item[name] for name in ("year", "make", "model", "category")} == {
            name: report[name] for name in ("year", "make", "model", "category")
        }
    suspicious = {found[name]["id"] for name, report in wanted.items() if report["category"] == "SUV"}
    assert {alert["id"] for alert in outcome.alerts} == suspicious
    assert Counter(data for data, _ in outcome.quarantined) == Counter(poison)
    assert all(reason for _, reason in outcome.quarantined)


def now_and_then(chance: random.Random) -> Iterator[Fault | None]:
    while True:
        yield chance.choice(list(Fault)) if chance.random() < 0.04 else None
