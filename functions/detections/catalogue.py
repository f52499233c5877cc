"""The vehicles that the simulated cameras see."""

import csv
from functools import cache
from pathlib import Path


@cache
def vehicles() -> list[dict[str, object]]:
    """Every vehicle in ``catalogue.csv``, in the shape of a report."""
    with Path(__file__).with_suffix(".csv").open(encoding="utf-8", newline="") as file:
        return [{**row, "year": int(row["year"])} for row in csv.DictReader(file)]
