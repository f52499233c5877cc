"""What a run of the tests did: which test called which route with what answer, and how it ended.

Written as JSON for ``docs/engines.md``, which ``runner.documents.engines`` makes of it.
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
    """How a test ended: ``passed``, ``failed``, ``skipped`` or, where it was foreseen, ``differs``; and why."""

    outcome: str = "passed"
    reason: str = ""
    differing: tuple[str, ...] = ()
    """The routes whose answers are not the contract's, where it was foreseen."""
    seconds: float = 0.0


@dataclass
class Record:
    """Of the tests of one process."""

    base_path: str = ""
    test: str = ""
    in_body: bool = False
    """Whether it is the test's own body that calls now, not a fixture of it."""
    calls: dict[str, dict[str, set[int]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(set)))
    answers: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    """The statuses that each route has answered with, whoever asked."""
    results: dict[str, Result] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # The most literal first: /users/me before /users/{id}.
        self._routes = sorted(
            ((route.partition(" ")[0], _pattern(route.partition(" ")[2]), route) for route in engines.routes()),
            key=lambda each: each[2].count("{"),
        )

    def route(self, method: str, path: str) -> str | None:
        """The documented route that a call is of; None for another one."""
        within = "/" + path.removeprefix(self.base_path).lstrip("/")
        for own_method, pattern, name in self._routes:
            if own_method == method and pattern.fullmatch(within):
                return name
        return None

    def note(self, answer: httpx.Response) -> None:
        """Remember an answer; an event hook of httpx."""
        route = self.route(answer.request.method, answer.request.url.path)
        if route is None:
            return
        self.answers[route].add(answer.status_code)
        if self.in_body:
            self.calls[self.test][route].add(answer.status_code)

    def unanswered(self) -> list[str]:
        """The documented routes that no call has been answered by as it should be."""
        return [route for route in engines.routes() if not any(code < 400 for code in self.answers[route])]

    def write(self, file: Path, about: dict[str, str]) -> None:
        """Write the run. A run of a part of the suite takes the places of its own tests in a file that is there."""
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
