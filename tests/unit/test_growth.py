"""No list or sum costs more requests or read units as its data grows (``make bench-growth`` measures more of it)."""

from dataclasses import replace

import pytest

from tests.load.bench_growth import CASES, Case, measure

# Bounded, but not the same: it reads what it skips in the last month, or all sources in other states.
BOUNDED = {
    ("detections of an import, skip half", "hourly"),
    ("sources in a state", "dense"),
}


@pytest.fixture(autouse=True)
def world() -> None:
    """The cases have their own tables."""


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_requests_and_read_units_are_the_same_for_a_thousand_items_and_for_a_hundred_times_as_many(case: Case) -> None:
    spacings = {case.spacings[0], case.spacings[-1]}
    measured = replace(case, spacings=[each for each in spacings if (case.name, each) not in BOUNDED])
    for row in measure((1_000, 100_000), [measured]):
        assert max(row.requests) <= 4, row
        assert row.is_flat, row
