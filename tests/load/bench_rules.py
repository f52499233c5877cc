"""How long rules take: signals against rules of every kind of comparison, in processor time, without any store.

``make bench-rules`` prints a table.
"""

import argparse
import statistics
import time
from datetime import timedelta
from typing import Any

from rich.console import Console
from rich.table import Table

from rules.definition import NewRule
from rules.evaluation import NEW, CompiledRule, State, evaluate
from rules.signals import Kind, Signal
from sitewatch import clock

_NIGHT = {"time_zone": "Europe/Berlin", "windows": [{"days": ["mon", "thu"], "from": "22:00", "to": "06:00"}]}
_MATCHES: list[dict[str, Any]] = [
    {"suspicious": [True]},
    {"category": [{"equals-ignore-case": "van"}], "year": [{"numeric": [">=", 2015]}]},
    {"source": [{"prefix": "gate"}, {"wildcard": "north*7"}], "make": [{"anything-but": ["Kia", "Audi"]}]},
    {"$or": [{"make": ["Acura"]}, {"model": [{"suffix": "X"}]}], "zone": [{"exists": False}]},
]


def rules(number: int) -> list[CompiledRule]:
    """``number`` rules, one in four with a schedule."""
    return [
        CompiledRule(
            str(index),
            1,
            NewRule.model_validate(
                {
                    "name": str(index),
                    "on": "detection",
                    "match": _MATCHES[index % len(_MATCHES)],
                    "count": {"at_least": 3, "within": 60},
                    "close_after": 60,
                    "schedule": _NIGHT if index // len(_MATCHES) % 4 == 0 else None,
                }
            ),
        )
        for index in range(number)
    ]


def signals(number: int, *, matching: bool) -> list[Signal]:
    """``number`` detections, a second apart, that match most rules or none."""
    start = clock.now()
    category, make, source = ("Van", "Acura", "gate 7") if matching else ("SUV", "Kia", "street")
    fields = {
        "category": category,
        "make": make,
        "model": "MDX",
        "year": 2016,
        "suspicious": matching,
        "source": source,
    }
    if not matching:
        fields |= {"model": "Rio", "zone": "south"}
    times = [start + timedelta(seconds=index) for index in range(number)]
    return [Signal(Kind.DETECTION, at, at, fields) for at in times]


def seconds_to_evaluate(watching: list[CompiledRule], received: list[Signal]) -> float:
    """The processor time of evaluating every signal against every rule."""
    states: dict[tuple[str, str], State] = {}
    began = time.process_time()
    for signal in received:
        for rule in watching:
            if rule.concerns(signal):
                key = rule.id, rule.key(signal)
                states[key], _ = evaluate(rule, states.get(key, NEW), signal)
    return time.process_time() - began


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="bench_rules", description=__doc__)
    parser.add_argument("--signals", type=int, default=1000)
    parser.add_argument("--rules", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    table = Table(title=f"{options.signals} signals against {options.rules} rules, processor time, medians")
    for column in ("signals", "seconds", "µs for a rule and signal"):
        table.add_column(column, justify="left" if column == "signals" else "right")
    watching = rules(options.rules)
    for name, matching in (("match nothing", False), ("match every rule", True)):
        received = signals(options.signals, matching=matching)
        median = statistics.median(seconds_to_evaluate(watching, received) for _ in range(options.rounds))
        each = median / options.signals / options.rules * 1e6
        table.add_row(name, f"{median:.3f}", f"{each:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
