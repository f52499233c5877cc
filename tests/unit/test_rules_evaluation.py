"""Rules over signals: when incidents open, repeat and close, compared with a reference that walks every second."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from rules.definition import NewRule
from rules.evaluation import (
    NEW,
    Closed,
    CompiledRule,
    Effect,
    Opened,
    Reason,
    Repeated,
    State,
    deadline,
    evaluate,
    expire,
)
from rules.signals import Kind, Signal

START = datetime(2026, 11, 26, 21, 59, 30, tzinfo=UTC)
NIGHT = {"time_zone": "UTC", "windows": [{"days": ["thu"], "from": "22:00", "to": "06:00"}]}
NIGHT_BEGINS = 30
"""Seconds after ``START``."""


@pytest.fixture(autouse=True)
def world() -> None:
    """These tests need no tables."""


def compiled(version: int = 1, **fields: Any) -> CompiledRule:
    on = fields.pop("on", "detection")
    match = {"suspicious": [True]} if on == "detection" else {"valid": [False]}
    return CompiledRule("rule", version, NewRule.model_validate({"name": "r", "on": on, "match": match, **fields}))


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def signal(seconds: float, *, matches: bool = True, on: str = "detection", late: bool = False, **fields: Any) -> Signal:
    own = {"suspicious": matches} if on == "detection" else {"valid": not matches}
    return Signal(Kind(on), at(seconds), at(seconds), {"source": "gate", **own, **fields}, is_late=late)


def run(watching: CompiledRule, *signals: Signal, state: State = NEW) -> tuple[State, list[Effect]]:
    found: list[Effect] = []
    for each in signals:
        if watching.concerns(each):
            state, effects = evaluate(watching, state, each)
            found += effects
    return state, found


def test_a_match_opens_an_incident_and_the_next_one_adds_to_it() -> None:
    _, effects = run(compiled(), signal(0), signal(1, matches=False), signal(5))
    assert effects == [Opened(1, at(0), 1, at(0)), Repeated(at(5))]


def test_an_incident_opens_when_there_are_enough_matches_within_the_time() -> None:
    counting = compiled(count={"at_least": 3, "within": 10})
    _, effects = run(counting, signal(0), signal(1), signal(10), signal(10.5))
    assert effects == [Opened(1, at(10.5), 3, at(1))]  # the first is outside by then


def test_matches_count_in_the_order_in_which_they_happened() -> None:
    counting = compiled(count={"at_least": 2, "within": 10})
    _, effects = run(counting, signal(20), signal(5), signal(12))
    assert effects == [Opened(1, at(20), 2, at(12))]


def test_an_incident_closes_after_its_quiet_time_and_the_next_match_opens_another() -> None:
    closing = compiled(close_after=60)
    state, effects = run(closing, signal(0), signal(60), signal(121))
    assert effects == [
        Opened(1, at(0), 1, at(0)),
        Repeated(at(60)),
        Closed(at(120), Reason.QUIET),
        Opened(2, at(121), 1, at(121)),
    ]
    assert deadline(closing, state) == at(181)


def test_a_late_or_repeated_timer_does_nothing() -> None:
    closing = compiled(close_after=60)
    state, _ = run(closing, signal(0), signal(30))
    assert expire(closing, state, at(60)) == (state, ())
    closed, effects = expire(closing, state, at(90))
    assert effects == (Closed(at(90), Reason.QUIET),)
    assert expire(closing, closed, at(90)) == (closed, ())


@pytest.mark.parametrize("late", [50, 60])
def test_a_match_of_the_time_of_a_closed_incident_adds_to_it_and_opens_no_other(late: int) -> None:
    closing = compiled(close_after=60)
    state, _ = run(closing, signal(0))
    state, _ = expire(closing, state, at(60))
    assert run(closing, signal(late), state=state) == (state, [Repeated(at(late))])


def test_a_value_that_matches_for_long_enough_opens_an_incident_without_another_signal() -> None:
    holding = compiled(on="data_point", hold=180)
    state, effects = run(holding, signal(0, on="data_point"), signal(60, on="data_point"))
    assert (effects, deadline(holding, state)) == ([], at(180))
    _, effects_of_timer = expire(holding, state, at(200))
    assert effects_of_timer == (Opened(1, at(180), 1, at(0)),)


def test_a_value_that_recovers_within_the_hold_opens_nothing() -> None:
    holding = compiled(on="data_point", hold=180)
    state, effects = run(holding, signal(0, on="data_point"), signal(179, on="data_point", matches=False))
    assert (effects, deadline(holding, state)) == ([], None)


def test_an_incident_about_a_value_ends_with_it_unless_it_closes_after_a_quiet_time() -> None:
    signals = [signal(0, on="data_point"), signal(9, on="data_point", matches=False)]
    opened = Opened(1, at(0), 1, at(0))
    assert run(compiled(on="data_point"), *signals)[1] == [opened, Closed(at(9), Reason.ENDED)]
    assert run(compiled(on="data_point", close_after=60), *signals)[1] == [opened]


def test_a_value_older_than_the_known_one_changes_nothing() -> None:
    values = compiled(on="data_point")
    state, _ = run(values, signal(10, on="data_point"))
    assert run(values, signal(9, on="data_point", matches=False), state=state) == (state, [])


def test_what_is_inside_now_counts_even_if_an_older_reading_says_so() -> None:
    crowded = CompiledRule(
        "rule",
        1,
        NewRule.model_validate({"name": "r", "on": "occupancy", "match": {"inside": [{"numeric": [">", 9]}]}}),
    )
    readings = [
        Signal(Kind.OCCUPANCY, at(second), at(9), {"source": "hall", "inside": inside})
        for second, inside in [(5, 10), (3, 9), (4, 11)]
    ]
    assert run(crowded, *readings)[1] == [
        Opened(1, at(5), 1, at(5)),
        Closed(at(5), Reason.ENDED),
        Opened(2, at(5), 1, at(5)),
    ]


def test_a_late_signal_opens_nothing() -> None:
    assert run(compiled(), signal(0, late=True)) == (NEW, [])


def test_a_rule_that_is_off_sees_nothing_and_no_rule_sees_another_kind() -> None:
    assert not compiled(mode="off").concerns(signal(0))
    assert not compiled().concerns(signal(0, on="data_point"))
    assert compiled(mode="shadow").concerns(signal(0))


def test_a_hold_begins_anew_with_a_new_version_and_an_incident_stays_open() -> None:
    state, _ = run(compiled(on="data_point", hold=100), signal(0, on="data_point"))
    edited = compiled(2, on="data_point", hold=50)
    state, effects = run(edited, signal(90, on="data_point"), state=state)
    assert (effects, deadline(edited, state)) == ([], at(140))
    state, _ = expire(edited, state, at(140))
    again = compiled(3, on="data_point", hold=9)
    assert run(again, signal(150, on="data_point"), state=state)[1] == [Repeated(at(150))]


def test_a_signal_outside_the_schedule_does_not_match() -> None:
    nightly = compiled(schedule=NIGHT)
    assert run(nightly, signal(29), signal(30))[1] == [Opened(1, at(30), 1, at(30))]


def test_a_hold_that_ends_outside_the_schedule_opens_nothing() -> None:
    until_ten = {"time_zone": "UTC", "windows": [{"days": ["thu"], "from": "06:00", "to": "22:00"}]}
    holding = compiled(on="data_point", hold=60, schedule=until_ten)
    state, _ = run(holding, signal(0, on="data_point"))
    state, effects = expire(holding, state, at(60))
    assert (effects, deadline(holding, state)) == ((), None)


@pytest.mark.parametrize(
    ("per", "fields", "key"),
    [
        ("source", {}, "gate"),
        ("rule", {}, ""),
        ("zone", {}, ""),
        ("zone", {"zone": "North"}, "North"),
        ("category", {"category": "SUV"}, "suv"),
        ("year", {"year": 2015}, "2015"),
    ],
)
def test_signals_with_the_same_value_of_per_share_a_state(per: str, fields: dict[str, Any], key: str) -> None:
    assert compiled(per=per).key(signal(0, **fields)) == key


def test_the_leaves_that_matched_explain_an_incident() -> None:
    assert compiled().leaves(signal(0)) == [("suspicious.0", True)]


# --- a reference, and any sequence of signals, timers and edits -------------------------------------


@dataclass
class Incident:
    opened: float
    occurrences: int
    last: float
    closed: tuple[float, Reason] | None = None


@dataclass
class Reference:
    """Keeps every match in a list, and walks through every second, where the evaluator computes a deadline."""

    rule: CompiledRule
    incidents: list[Incident] = field(default_factory=list)
    matches: list[int] = field(default_factory=list)
    values: list[int] = field(default_factory=list)
    since: int | None = None

    @property
    def open(self) -> Incident | None:
        return self.incidents[-1] if self.incidents and self.incidents[-1].closed is None else None

    def edit(self, edited: CompiledRule) -> None:
        self.rule, self.matches, self.since = edited, [], None

    def walk(self, end: int) -> None:
        definition = self.rule.definition
        for second in range(end):
            if self.open and definition.close_after and second - self.open.last == definition.close_after:
                self.open.closed = (second, Reason.QUIET)
            elif not self.open and self.since is not None and second - self.since == definition.hold:
                if definition.schedule is None or second >= NIGHT_BEGINS:
                    self.begin(second, 1)
                self.since = None

    def begin(self, second: int, occurrences: int) -> None:
        self.incidents.append(Incident(second, occurrences, second))
        self.matches, self.since = [], None

    def signal(self, second: int, *, matches: bool) -> None:
        definition = self.rule.definition
        matches = matches and (definition.schedule is None or second >= NIGHT_BEGINS)
        if not matches and definition.on == "detection":
            return
        self.walk(second)
        if definition.on == "data_point":
            if any(known > second for known in self.values):
                return
            self.values.append(second)
        if not matches:
            self.since = None
            if self.open and not definition.close_after:
                self.open.closed = (second, Reason.ENDED)
        elif self.open:
            self.open.occurrences += 1
            self.open.last = max(self.open.last, second)
        elif not self.incidents or second + (definition.on == "data_point") > self.incidents[-1].closed[0]:  # type: ignore[index]
            self.match(second)
        else:
            self.incidents[-1].occurrences += 1
            self.incidents[-1].last = max(self.incidents[-1].last, second)

    def match(self, second: int) -> None:
        definition = self.rule.definition
        if definition.hold:
            self.since = second if self.since is None else self.since
            if second - self.since == definition.hold:
                self.begin(second, 1)
            return
        self.matches.append(second)
        count = definition.count
        recent = [each for each in self.matches if not count or max(self.matches) - each < count.within]
        if len(recent) >= (count.at_least if count else 1):
            self.begin(max(recent), len(recent))


def seconds(time: datetime) -> float:
    return (time - START).total_seconds()


def apply(incidents: list[Incident], effects: Sequence[Effect]) -> None:
    for effect in effects:
        match effect:
            case Opened(number, time, occurrences, _):
                assert number == len(incidents) + 1
                incidents.append(Incident(seconds(time), occurrences, seconds(time)))
            case Repeated(time):
                latest = incidents[-1]
                incidents[-1] = replace(
                    latest, occurrences=latest.occurrences + 1, last=max(latest.last, seconds(time))
                )
            case Closed(time, reason):
                incidents[-1].closed = (seconds(time), reason)


_ages = st.sampled_from([0, 0, 0, 1, 3, 9])
_few_seconds = st.integers(1, 12)
_rules = st.fixed_dictionaries({"on": st.just("detection")}, optional={
    "count": st.fixed_dictionaries({"at_least": st.integers(1, 4), "within": _few_seconds}),
    "close_after": _few_seconds,
    "schedule": st.just(NIGHT),
})  # fmt: skip
_value_rules = st.fixed_dictionaries({"on": st.just("data_point")}, optional={
    "hold": st.integers(0, 12),
    "close_after": _few_seconds,
    "schedule": st.just(NIGHT),
})  # fmt: skip


class Watching(RuleBasedStateMachine):
    """Any signals, in any order, timers that come when they like, and edits."""

    @initialize(definition=_rules | _value_rules)
    def begin(self, definition: dict[str, Any]) -> None:
        self.now, self.version, self.on = 20, 1, definition["on"]
        self.rule = compiled(**definition)
        self.state, self.incidents, self.reference = NEW, list[Incident](), Reference(self.rule)

    @rule(passed=st.integers(0, 8), age=_ages, matches=st.sampled_from([True, True, False]))
    def receive(self, passed: int, age: int, matches: bool) -> None:
        self.now += passed
        received = signal(self.now - age, matches=matches, on=self.on)
        self.reference.signal(self.now - age, matches=matches)
        if self.rule.concerns(received):
            self.state, effects = evaluate(self.rule, self.state, received)
            apply(self.incidents, effects)

    @rule(passed=st.integers(0, 20))
    def tick(self, passed: int) -> None:
        self.now += passed
        self.reference.walk(self.now + 1)
        self.state, effects = expire(self.rule, self.state, at(self.now))
        apply(self.incidents, effects)

    @rule(data=st.data())
    def edit(self, data: st.DataObject) -> None:
        self.version += 1
        definition = data.draw(_rules if self.on == "detection" else _value_rules)
        self.rule = compiled(self.version, **definition)
        self.reference.edit(self.rule)

    @invariant()
    def the_same_incidents(self) -> None:
        # Both have to say what is overdue: each applies it with the next signal or timer only.
        _, effects = expire(self.rule, self.state, at(self.now))
        incidents, reference = deepcopy((self.incidents, self.reference))
        apply(incidents, effects)
        reference.walk(self.now + 1)
        assert incidents == reference.incidents


TestWatching = Watching.TestCase
# Without shrinking, which takes a minute: the printed steps are few enough to read.
TestWatching.settings = settings(
    max_examples=60, stateful_step_count=25, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate)
)
