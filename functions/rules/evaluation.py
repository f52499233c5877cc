"""Evaluate a rule: pure functions from a state and a signal, or a time, to the next state and what has happened.

A rule has a state for each value of its ``per``. Nothing here reads a clock or a store, so the same functions run live
and over history.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from rules.definition import Mode, NewRule
from rules.pattern import Leaf, Pattern, compiled
from rules.signals import CURRENT, FOLDED, VALUES, Signal
from sitewatch.names import fold


class Reason(StrEnum):
    """Why an incident closed by itself."""

    QUIET = "quiet"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Opened:
    """An incident opened: the ``number``-th of its state, because of the matches from ``since`` on."""

    number: int
    at: datetime
    occurrences: int
    since: datetime


@dataclass(frozen=True, slots=True)
class Repeated:
    """A match was added to the open incident, or to the last one if it happened before the end of that."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Closed:
    """The open incident closed by itself."""

    at: datetime
    reason: Reason


Effect = Opened | Repeated | Closed


class State(NamedTuple):
    """What a rule remembers for one value of its ``per``.

    ``matches`` are the times of the newest matches, as far as the rule counts, in order. ``since`` is when a value
    began to match, ``newest`` when the newest value was observed. ``last_at`` is the last match of the incident that
    is open, ``closed_at`` the end of the one before it, and ``opened`` how many there were.
    """

    version: int = 0
    matches: tuple[datetime, ...] = ()
    since: datetime | None = None
    newest: datetime | None = None
    last_at: datetime | None = None
    closed_at: datetime | None = None
    opened: int = 0

    @property
    def is_open(self) -> bool:
        """Whether there is an open incident."""
        return self.last_at is not None


NEW = State()
Step = tuple[State, tuple[Effect, ...]]


class CompiledRule:
    """A version of a rule, ready to be evaluated."""

    __slots__ = ("_pattern", "at_least", "close_after", "definition", "hold", "id", "is_value", "version", "within")

    def __init__(self, rule_id: str, version: int, definition: NewRule) -> None:
        self.id = rule_id
        self.version = version
        self.definition = definition
        self.is_value = definition.on in VALUES
        self.hold = timedelta(seconds=definition.hold)
        self.close_after = timedelta(seconds=definition.close_after) if definition.close_after else None
        self.at_least, self.within = 1, timedelta(0)
        if definition.count:
            self.at_least, self.within = definition.count.at_least, timedelta(seconds=definition.count.within)
        self._pattern: Pattern = compiled(definition.match)

    def matches(self, signal: Signal) -> bool:
        """Whether the signal matches now: by its fields and within the schedule."""
        return self._pattern.matches(signal.fields) and self.is_scheduled(signal.at)

    def leaves(self, signal: Signal) -> list[Leaf]:
        """The parts of the pattern that the signal matches, with its values."""
        return list(self._pattern.leaves(signal.fields))

    def is_scheduled(self, at: datetime) -> bool:
        """Whether the rule counts at this time."""
        schedule = self.definition.schedule
        return schedule is None or schedule.includes(at)

    def concerns(self, signal: Signal) -> bool:
        """Whether the signal can change a state: it is of the rule's kind, not too late, and matches or is a value."""
        definition = self.definition
        if signal.kind is not definition.on or definition.mode is Mode.OFF or signal.is_late:
            return False
        return self.is_value or self.matches(signal)

    def key(self, signal: Signal) -> str:
        """The value of ``per``: signals with the same one share a state. Without that field it is empty."""
        per = self.definition.per
        value = None if per == "rule" else signal.fields.get(per)
        if value is None:
            return ""
        return fold(value) if per in FOLDED else str(value)


def evaluate(rule: CompiledRule, state: State, signal: Signal) -> Step:
    """Apply a signal that concerns the rule to the state of its key."""
    at = signal.at
    if signal.kind in CURRENT:
        at = max([at, *filter(None, (state.newest, state.closed_at))])
    state, effects = _expired(rule, _of_version(rule, state), at, including=False)
    if rule.is_value:
        if state.newest is not None and at < state.newest:
            return state, effects  # older than the value that is known
        state = state._replace(newest=at)
    if rule.is_value and not rule.matches(signal):
        state, more = _end(rule, state, at)
    elif not state.is_open and _is_of_closed(rule, state, at):
        more = (Repeated(at),)
    else:
        state, more = _matched(rule, state, at)
    return state, effects + more


def expire(rule: CompiledRule, state: State, now: datetime) -> Step:
    """Apply the time that has passed: the end of a hold, and quiet incidents. Repeating it changes nothing."""
    return _expired(rule, _of_version(rule, state), now, including=True)


def deadline(rule: CompiledRule, state: State) -> datetime | None:
    """When ``expire`` will next change the state, if no signal comes before."""
    if state.last_at is not None:
        return state.last_at + rule.close_after if rule.close_after else None
    return state.since + rule.hold if state.since else None


def _of_version(rule: CompiledRule, state: State) -> State:
    """Holds and counts begin anew with each version of a rule; an incident stays open."""
    return state if state.version == rule.version else state._replace(version=rule.version, matches=(), since=None)


def _expired(rule: CompiledRule, state: State, now: datetime, *, including: bool) -> Step:
    effects: tuple[Effect, ...] = ()
    # A hold may end in an incident, which may end quietly before now.
    while (due := deadline(rule, state)) is not None and (due < now or (including and due == now)):
        if state.last_at is not None:
            state, more = _close(state, due, Reason.QUIET)
        elif rule.is_scheduled(due):
            state, more = _open(state, due, 1, state.since or due)
        else:
            state, more = state._replace(since=None), ()
        effects += more
    return state, effects


def _is_of_closed(rule: CompiledRule, state: State, at: datetime) -> bool:
    """Whether a match happened before the end of the last incident. A value at its very end came after it."""
    closed_at = state.closed_at
    return closed_at is not None and (at < closed_at or (at == closed_at and not rule.is_value))


def _matched(rule: CompiledRule, state: State, at: datetime) -> Step:
    if state.last_at is not None:
        return state._replace(last_at=max(state.last_at, at)), (Repeated(at),)
    if rule.hold:
        since = state.since or at
        return _open(state, at, 1, since) if at - since >= rule.hold else (state._replace(since=since), ())
    return _counted(rule, state, at)


def _counted(rule: CompiledRule, state: State, at: datetime) -> Step:
    if rule.at_least == 1:
        return _open(state, at, 1, at)
    matches = sorted((*state.matches, at))
    matches = [time for time in matches if matches[-1] - time < rule.within]
    if len(matches) >= rule.at_least:
        return _open(state, matches[-1], len(matches), matches[0])
    return state._replace(matches=tuple(matches)), ()


def _end(rule: CompiledRule, state: State, at: datetime) -> Step:
    """A value does not match any more."""
    state = state._replace(since=None)
    return _close(state, at, Reason.ENDED) if state.is_open and not rule.close_after else (state, ())


def _open(state: State, at: datetime, occurrences: int, since: datetime) -> Step:
    opened = Opened(state.opened + 1, at, occurrences, since)
    return state._replace(matches=(), since=None, last_at=at, opened=opened.number), (opened,)


def _close(state: State, at: datetime, reason: Reason) -> Step:
    return state._replace(last_at=None, closed_at=at), (Closed(at, reason),)
