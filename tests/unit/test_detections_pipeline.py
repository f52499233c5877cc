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

from detections import catalogue
from tests.world.aws import reset
from tests.world.faults import Fault, Wire
from tests.world.pipeline import ARRIVAL, Pipeline, Record, alerts, quarantined, stats, stored, vehicle

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
            assert stats(by) == Counter(str(item[by]) for item in self.stored.values())
        suspicious = sorted(name for name, item in self.stored.items() if item["suspicious"])
        assert sorted(alert["id"] for alert in self.alerts) == suspicious


# Each id is the same vehicle, with or without its time.
VEHICLES = [
    vehicle(make="Kia", category="SUV"),
    vehicle(make="Kia", category="Sedan", year=2019),
    vehicle(make="Acura", category="suv", year=2021),
    vehicle(make="Audi", category="SUV Coupe", year=2021),
]


@st.composite
def reports(draw: st.DrawFn) -> dict[str, Any]:
    number = draw(st.integers(0, 5))
    report = dict(VEHICLES[number % len(VEHICLES)])
    if number:  # 0 has no id: each is a separate detection
        report["id"] = f"id-{number}"
    if draw(st.booleans()):
        report["created_at"] = f"2026-11-2{draw(st.integers(0, 2))}T06:10:30Z"
    return report


@st.composite
def streams(draw: st.DrawFn) -> list[Record]:
    """Records of one shard, in the order of their arrival."""
    contents = draw(
        st.lists(
            st.one_of(reports().map(lambda report: json.dumps(report).encode()), st.sampled_from(POISON)), max_size=14
        )
    )
    return [
        Record(number, data, arrived_at=ARRIVAL + timedelta(minutes=7 * number)) for number, data in enumerate(contents)
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
    good = [(record, json.loads(record.data)) for record in records if record.data not in POISON]
    with Wire(faults) as wire:
        pipeline = Pipeline(wire)
        more_sizes, more_rewinds = iter(sizes), iter(rewinds)
        for batch in batches:
            pipeline.index(batch)
            pipeline.carry_on(more_sizes, more_rewinds, shuffler.shuffle)
        outcome = Outcome()

    outcome.check_that_it_agrees()
    with_id = {report["id"] for _, report in good if "id" in report}
    assert len(outcome.stored) == len(with_id) + sum("id" not in report for _, report in good)
    assert with_id <= outcome.stored.keys()
    for detection_id in with_id:
        dated = {
            report["created_at"] for _, report in good if report.get("id") == detection_id and "created_at" in report
        }
        if dated:
            assert outcome.stored[detection_id]["created_at"].replace(".000000Z", "Z") in dated
    poison = sorted(record.data for record in records if record.data in POISON)
    assert sorted(data for data, _ in outcome.quarantined) == poison
    assert all(reason for _, reason in outcome.quarantined)


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
    assert outcome.stored.keys() == wanted.keys()
    for detection_id, report in wanted.items():
        item = outcome.stored[detection_id]
        assert {name: item[name] for name in ("year", "make", "model", "category")} == {
            name: report[name] for name in ("year", "make", "model", "category")
        }
    suspicious = {name for name, report in wanted.items() if report["category"] == "SUV"}
    assert {alert["id"] for alert in outcome.alerts} == suspicious
    assert Counter(data for data, _ in outcome.quarantined) == Counter(poison)
    assert all(reason for _, reason in outcome.quarantined)


def now_and_then(chance: random.Random) -> Iterator[Fault | None]:
    while True:
        yield chance.choice(list(Fault)) if chance.random() < 0.04 else None
