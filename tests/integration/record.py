"""The record of a run: which test called which route, the statuses it got, and each test's outcome.

Written as JSON, from which ``runner.documents.engines`` makes ``docs/engines.md``.
"""

import json
import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from runner.documents import engines


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(path)))


@dataclass
class Result:
    """A test's outcome and its reason: ``passed``, ``failed``, ``skipped`` or, if expected to fail, ``differs``."""

    outcome: str = "passed"
    reason: str = ""
    differing: tuple[str, ...] = ()
    """The routes whose responses are known to differ from the contract."""
    seconds: float = 0.0


@dataclass
class Record:
    """The record of one process's tests."""

    base_path: str = ""
    test: str = ""
    in_body: bool = False
    """Whether the test's own body is running, not a fixture."""
    calls: dict[str, dict[str, set[int]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(set)))
    answers: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    """Every status that each route has returned, to tests and fixtures."""
    results: dict[str, Result] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # The most literal paths first: /users/me before /users/{id}.
        self._routes = sorted(
            ((route.partition(" ")[0], _pattern(route.partition(" ")[2]), route) for route in engines.routes()),
            key=lambda each: each[2].count("{"),
        )

    def route(self, method: str, path: str) -> str | None:
        """The documented route of a call, or None."""
        within = "/" + path.removeprefix(self.base_path).lstrip("/")
        for own_method, pattern, name in self._routes:
            if own_method == method and pattern.fullmatch(within):
                return name
        return None

    def note(self, answer: httpx.Response) -> None:
        """Record a response; an event hook for httpx."""
        route = self.route(answer.request.method, answer.request.url.path)
        if route is None:
            return
        self.answers[route].add(answer.status_code)
        if self.in_body:
            self.calls[self.test][route].add(answer.status_code)

    def unanswered(self) -> list[str]:
        """The documented routes that have never returned a success."""
        return [route for route in engines.routes() if not any(code < 400 for code in self.answers[route])]

    def write(self, file: Path, about: dict[str, str]) -> None:
        """Write the run. A run of part of the suite replaces only its own tests in an existing file."""
        tests = [
            {
                "test": test,
                "outcome": result.outcome,
                **({"reason": result.reason} if result.reason else {}),
                **({"differing": result.differing} if result.differing else {}),
                "seconds": round(result.seconds, 1),
                "routes": {route: sorted(codes) for route, codes in sorted(self.calls[test].items())},
            }
            for test, result in sorted(self.results.items())
        ]
        if file.exists():
            again = {each["test"] for each in tests}
            earlier = json.loads(file.read_text(encoding="utf-8"))["tests"]
            tests = sorted(
                tests + [each for each in earlier if each["test"] not in again], key=lambda each: str(each["test"])
            )
        file.parent.mkdir(parents=True, exist_ok=True)
        lines = ",\n".join(f"    {json.dumps(each, ensure_ascii=False)}" for each in tests)
        head = ",\n".join(f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in about.items())
        file.write_text(f'{{\n{head},\n  "tests": [\n{lines}\n  ]\n}}\n', encoding="utf-8")


RECORD = Record()
