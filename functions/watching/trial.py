"""What a rule would have done: the function that watches live, applied to a history."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from rules.evaluation import NEW, Closed, CompiledRule, Effect, Opened, Repeated, State, evaluate, expire
from rules.signals import Signal
from sitewatch import clock
from watching.progress import subject_of, title_of

_EXAMPLES = 10


@dataclass(slots=True)
class Incident:
    """An incident that would have been."""

    opened_at: datetime
    occurrences: int
    subject: str | None
    title: str
    closed_at: datetime | None = None


@dataclass(slots=True)
class _Key:
    state: State = NEW
    last: Signal | None = None
    incidents: list[Incident] = field(default_factory=list)


class Trial:
    """A rule, and what it has done so far."""

    def __init__(self, rule: CompiledRule) -> None:
        self._rule = rule
        self._keys: dict[str, _Key] = {}

    def apply(self, signal: Signal) -> None:
        """Apply the next signal."""
        rule = self._rule
        if not rule.concerns(signal):
            return
        key = self._keys.setdefault(rule.key(signal), _Key())
        if not rule.is_value or rule.matches(signal):
            key.last = signal
        key.state, effects = evaluate(rule, key.state, signal)
        self._take(key, effects)

    def finish(self, until: datetime) -> list[Incident]:
        """Apply the deadlines up to the end, and return all incidents in the order in which they opened."""
        for key in self._keys.values():
            key.state, effects = expire(self._rule, key.state, until)
            self._take(key, effects)
        return sorted((one for key in self._keys.values() for one in key.incidents), key=lambda one: one.opened_at)

    def _take(self, key: _Key, effects: Iterable[Effect]) -> None:
        for effect in effects:
            match effect:
                case Opened(_, at, occurrences, _):
                    definition, fields = self._rule.definition, key.last.fields if key.last else {}
                    title = title_of(definition.text, fields)
                    key.incidents.append(Incident(at, occurrences, subject_of(definition, fields), title))
                case Repeated():
                    key.incidents[-1].occurrences += 1
                case Closed(at, _):
                    key.incidents[-1].closed_at = at


def summary(signals: int, incidents: list[Incident], until: datetime) -> dict[str, Any]:
    """What a notification says of a trial (JSON data)."""
    per_day = Counter(one.opened_at.date().isoformat() for one in incidents)
    lasted = [((one.closed_at or until) - one.opened_at).total_seconds() for one in incidents]
    return {
        "signals": signals,
        "opened": len(incidents),
        "still_open": sum(one.closed_at is None for one in incidents),
        "per_day": dict(sorted(per_day.items())),
        "longest": round(max(lasted)) if lasted else None,
        "examples": [
            {
                "opened_at": clock.format_time(one.opened_at),
                "closed_at": one.closed_at and clock.format_time(one.closed_at),
                "occurrences": one.occurrences,
                "subject": one.subject,
                "title": one.title,
            }
            for one in incidents[:_EXAMPLES]
        ],
    }
