"""Write the tables of docs/engines.md from the recorded runs of the suite in docs/engines/: `make engines`."""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runner.workspace import PROJECT_ROOT

PAGE = PROJECT_ROOT / "docs" / "engines.md"
RUNS = PROJECT_ROOT / "docs" / "engines"
BEGIN, END = "<!-- make engines writes from here -->", "<!-- to here -->"
NAMES = {"emulator": "Emulator", "sam-local": "`sam local`", "localstack": "LocalStack", "aws": "AWS"}
SAME = "yes"


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the suite against one engine."""

    engine: str
    date: str
    versions: str
    tests: Sequence[Mapping[str, Any]]

    @staticmethod
    def read(file: Path) -> "Run":
        """Read a run that the suite has recorded."""
        return Run(**json.loads(file.read_text(encoding="utf-8")))

    def outcome(self, test: str) -> tuple[str, str]:
        """A test's outcome in this run, and the reason."""
        for each in self.tests:
            if each["test"] == test:
                return each["outcome"], each.get("reason", "")
        return "not run", "not part of this run"

    def count(self, outcome: str) -> int:
        """How many tests have this outcome."""
        return sum(each["outcome"] == outcome for each in self.tests)

    def cell(self, route: str) -> str:
        """The table's cell for a route in this run."""
        if any(route in each.get("differing", ()) for each in self.tests):
            return "differs"
        called = [each for each in self.tests if route in each["routes"]]
        if any(each["outcome"] == "failed" for each in called):
            return "fails"
        answered = any(code < 400 for each in called for code in each["routes"][route])
        return SAME if answered and any(each["outcome"] == "passed" for each in called) else "not tried"


def runs(folder: Path = RUNS) -> list[Run]:
    """The recorded runs, in the order of the table."""
    return [Run.read(folder / f"{engine}.json") for engine in NAMES if (folder / f"{engine}.json").exists()]


def sentence(test: str) -> str:
    """A test's name as a sentence: `test_x.py::test_a_user_logs_in[GET /]` is "a user logs in (GET /)"."""
    name, _, parameters = test.partition("::")[2].removeprefix("test_").partition("[")
    return name.replace("_", " ") + (f" (`{parameters.removesuffix(']')}`)" if parameters else "")


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table; the first row is the header."""
    head, *body = rows
    lines = [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *body)]
    return [*lines, ""]


def render(kept: Sequence[Run], routes: Sequence[str]) -> str:
    """The text between the markers of the page."""
    names = [NAMES[run.engine] for run in kept]
    summary = [["engine", "run on", "versions", "tests that passed", "differ", "skipped", "failed"]]
    for run in kept:
        counts = [str(run.count(outcome)) for outcome in ("passed", "differs", "skipped", "failed")]
        summary.append([NAMES[run.engine], run.date, run.versions, *counts])
    answers = [["route", *names], *([f"`{route}`", *(run.cell(route) for run in kept)] for route in routes)]
    known = dict.fromkeys(test["test"] for run in kept for test in run.tests)
    others = [["what the suite holds", *names, "why"]]
    for test in known:
        ends = [run.outcome(test) for run in kept]
        if any(outcome not in ("passed", "not run") for outcome, _ in ends):
            reasons = dict.fromkeys(reason for outcome, reason in ends if reason and outcome != "not run")
            outcomes = [SAME if outcome == "passed" else outcome for outcome, _ in ends]
            others.append([sentence(test), *outcomes, " ".join(reasons).replace("|", "\\|")])
    lines = ["", *table(summary), "## Routes", "", *table(answers)]
    lines += ["## What differs", ""]
    lines += table(others) if len(others) > 1 else ["Nothing.", ""]
    return "\n".join(lines)


def page(text: str, tables: str) -> str:
    """The page with its tables replaced."""
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    return f"{before}{BEGIN}\n{tables}\n{END}{after}"


def routes() -> list[str]:
    """Every route in the OpenAPI document, in its order."""
    paths = json.loads((PROJECT_ROOT / "docs" / "openapi.json").read_text(encoding="utf-8"))["paths"]
    return [f"{method.upper()} {path}" for path, item in paths.items() for method in item if method != "parameters"]


def run(_parsed: argparse.Namespace) -> None:
    """Write the tables of the page."""
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), render(runs(), routes())), encoding="utf-8")
