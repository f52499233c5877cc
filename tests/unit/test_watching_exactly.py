"""Whatever is repeated, reordered, split, edited, acted on and killed: the same incidents as a plain list gives."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from pynamodb.exceptions import PynamoDBException

from incidents import acts
from incidents.acts import Actor
from incidents.model import ActRecord, IncidentRecord
from incidents.views import NewAct
from rules import changing, storing
from rules.definition import NewRule
from sitewatch import audit, clock, ids
from sitewatch.callers import Caller, Origin, Role, TokenUse
from sitewatch.errors import ApiError
from tests.world import instance
from tests.world.aws import client, new_world
from tests.world.calling import Context
from tests.world.faults import Fault, Wire
from tests.world.watching import Watch
from watching import on_queue_timer, on_table_signal

START = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
KEYS = ("gate", "yard")


def at(second: float) -> str:
    return clock.sortable(START + timedelta(seconds=second))


# --- the reference: a list of what happened, walked through in half seconds -----------------------


@dataclass
class Case:
    """An incident: when it opened, how often it repeated, when and why it closed, and what was done."""

    opened: float
    occurrences: int
    quiet_since: float
    closed: tuple[float, str] | None = None
    acts: list[str] = field(default_factory=lambda: ["open"])


@dataclass
class Cause:
    """A rule and one source."""

    definition: dict[str, Any]
    cases: list[Case] = field(default_factory=list)
    matches: list[int] = field(default_factory=list)
    newest: int = -1
    since: int | None = None

    @property
    def active(self) -> Case | None:
        return self.cases[-1] if self.cases and self.cases[-1].closed is None else None

    @property
    def is_value(self) -> bool:
        return bool(self.definition["on"] == "data_point")

    def edit(self, definition: dict[str, Any]) -> None:
        self.definition, self.matches, self.since = definition, [], None

    def close(self, second: float, reason: str) -> None:
        if self.active:
            self.active.acts.append("close")
            self.active.closed = (second, reason)

    def open(self, second: float, occurrences: int) -> None:
        self.cases.append(Case(second, occurrences, second))
        self.matches, self.since = [], None

    def walk(self, end: float) -> None:
        close_after, hold = self.definition.get("close_after"), self.definition.get("hold", 0)
        for second in (half / 2 for half in range(int(2 * end))):
            if self.active and close_after and second == self.active.quiet_since + close_after:
                self.close(second, "quiet")
            elif not self.active and self.since is not None and second == self.since + hold:
                self.open(second, 1)

    def receive(self, second: int, *, matches: bool) -> None:
        if not matches and not self.is_value:
            return
        self.walk(second)
        if self.is_value:
            if second < self.newest:
                return
            self.newest = second
        if not matches:
            self.since = None
            if not self.definition.get("close_after"):
                self.close(second, "ended")
        elif self.active:
            self.active.occurrences += 1
            self.active.quiet_since = max(self.active.quiet_since, second)
        elif self.cases and self.is_of(self.cases[-1], second):
            self.cases[-1].occurrences += 1
        else:
            self.match(second)

    def is_of(self, case: Case, second: float) -> bool:
        end, _ = case.closed or (0, "")
        return second < end or (second == end and not self.is_value)

    def match(self, second: int) -> None:
        if self.definition.get("hold"):
            self.since = second if self.since is None else self.since
            if second == self.since + self.definition["hold"]:
                self.open(second, 1)
            return
        self.matches.append(second)
        count = self.definition.get("count", {"at_least": 1, "within": 1})
        recent = [each for each in self.matches if max(self.matches) - each < count["within"]]
        if len(recent) >= count["at_least"]:
            self.open(max(recent), len(recent))


# --- the machine -----------------------------------------------------------------------------------

FAULTS = st.lists(
    st.sampled_from(
        [None, None, Fault.KILLED_BEFORE, Fault.KILLED_AFTER, Fault.RESPONSE_LOST, Fault.CONFLICT, Fault.THROTTLED]
    ),
    max_size=6,
)
EVENT_RULES = st.fixed_dictionaries(
    {"name": st.just("events"), "on": st.just("event"), "match": st.just({"event_type": ["bad"]})},
    optional={
        "count": st.fixed_dictionaries({"at_least": st.integers(1, 3), "within": st.integers(1, 12)}),
        "close_after": st.integers(1, 12),
    },
)
VALUE_RULES = st.fixed_dictionaries(
    {
        "name": st.just("values"),
        "on": st.just("data_point"),
        "match": st.just({"valid": [False]}),
        "per": st.just("source"),
    },
    optional={"hold": st.integers(0, 12), "close_after": st.integers(1, 12)},
)
SIGNALS = st.lists(
    st.tuples(st.sampled_from(["event", "data_point"]), st.sampled_from(KEYS), st.integers(0, 9), st.booleans()),
    min_size=1,
    max_size=6,
)


class Watching(RuleBasedStateMachine):
    """Any signals in two shards, in any order and batches, timers, edits and acts, with faults at any call."""

    @initialize(events=EVENT_RULES, values=VALUE_RULES)
    def begin(self, events: dict[str, Any], values: dict[str, Any]) -> None:
        self.world = new_world()
        self.world.__enter__()
        instance.forget()
        self.now, self.sequence = 100.0, 0
        self.sent: dict[int, list[dict[str, Any]]] = {0: [], 1: []}
        with self.time():
            self.rule_ids = [
                storing.create(NewRule.model_validate(each), audit.OPERATOR).id for each in (events, values)
            ]
        self.causes = {
            (rule_id, key): Cause(definition)
            for rule_id, definition in zip(self.rule_ids, (events, values), strict=True)
            for key in (KEYS if definition["on"] == "event" else ("instrument",))
        }

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.__exit__(None, None, None)
            instance.forget()

    @contextmanager
    def time(self) -> Iterator[None]:
        def then() -> datetime:
            return START + timedelta(seconds=self.now)

        with mock.patch.object(clock, "now", then):
            yield

    def invoke(self, handler: Any, event: dict[str, Any], faults: Iterable[Fault | None]) -> None:
        """Invoke until it succeeds, as Lambda does; every attempt may be killed."""
        with self.time(), Wire(faults) as wire:
            for _ in range(20):
                with wire.invocation():
                    if Watch.accepts(handler, event):
                        return
            handler(event, Context())

    @rule(
        shard=st.sampled_from([0, 1]), signals=SIGNALS, passed=st.integers(0, 6), again=st.integers(0, 4), faults=FAULTS
    )
    def receive(self, shard: int, signals: Any, passed: int, again: int, faults: list[Fault | None]) -> None:
        self.now += passed
        fresh = [self.record(*each) for each in signals]
        batch = [*self.sent[shard][len(self.sent[shard]) - again :], *fresh] if again else fresh
        self.sent[shard] += fresh
        self.invoke(on_table_signal.handler, {"Records": batch, "shardId": f"shard-{shard}"}, faults)
        for kind, key, age, matches in signals:
            for (rule_id, of), cause in self.causes.items():
                if cause.definition["on"] == kind and of in (key, "instrument") and rule_id in self.rule_ids:
                    cause.receive(int(self.now) - age, matches=matches)

    def record(self, kind: str, key: str, age: int, matches: bool) -> dict[str, Any]:
        self.sequence += 1
        time = {"S": at(self.now - age)}
        image: dict[str, Any] = {"id": {"S": str(self.sequence)}, "created_at": time, "source": {"S": key}}
        if kind == "event":
            image |= {"event_type": {"S": "bad" if matches else "good"}, "event_payload": {"S": "x"}}
        else:
            image |= {"time": time, "value": {"B": "AAAAAA=="}, "tags": {"L": []}}
            image |= {} if matches else {"valid_partition": {"S": "valid"}}
        return {
            "eventSourceARN": "arn:aws:dynamodb:us-east-1:123456789012:table/Table/stream/1",
            "dynamodb": {
                "NewImage": image,
                "SequenceNumber": str(self.sequence),
                "ApproximateCreationDateTime": (START + timedelta(seconds=self.now)).timestamp(),
            },
        }

    @rule(passed=st.integers(0, 15), faults=FAULTS)
    def tick(self, passed: int, faults: list[Fault | None]) -> None:
        self.now += passed
        due = client("dynamodb").scan(TableName="IncidentStatesTable", FilterExpression="attribute_exists(due)")[
            "Items"
        ]
        if due:
            body = '{"ids": [' + ",".join(f'"{item["id"]["S"]}"' for item in due) + "]}"
            self.invoke(on_queue_timer.handler, {"Records": [{"body": body}]}, faults)
        for cause in self.causes.values():
            cause.walk(self.now + 0.5)

    @rule(data=st.data())
    def edit(self, data: st.DataObject) -> None:
        rule_id = data.draw(st.sampled_from(self.rule_ids))
        definition: dict[str, Any] = data.draw(EVENT_RULES if rule_id == self.rule_ids[0] else VALUE_RULES)
        with self.time():
            changing.change(rule_id, NewRule.model_validate(definition), None, audit.OPERATOR)
        instance.forget()
        for (of, _), cause in self.causes.items():
            if of == rule_id:
                cause.edit(definition)

    @precondition(lambda self: any(cause.cases for cause in self.causes.values()))
    @rule(data=st.data(), what=st.sampled_from(["acknowledge", "close", "reopen"]), faults=FAULTS)
    def do(self, data: st.DataObject, what: str, faults: list[Fault | None]) -> None:
        causes = [cause for _, cause in sorted(self.causes.items()) if cause.cases]
        cause = data.draw(st.sampled_from(range(len(causes))).map(lambda number: causes[number]))
        # What is overdue happens first, as with a tick that is on time. Signals have whole seconds, people do not.
        self.tick(0, [])
        self.now += 0.5
        case = cause.cases[-1]
        [(cause_key, _)] = [(key, one) for key, one in self.causes.items() if one is cause]
        incident = self.stored()[cause_key][-1]
        status = self.act(incident.id, what, faults)
        allowed = {
            "acknowledge": case.closed is None and "acknowledge" not in case.acts[_last(case.acts, "reopen") :],
            "close": case.closed is None,
            "reopen": case.closed is not None,
        }[what]
        assert status == (200 if allowed else 409)
        if allowed:
            case.acts.append(what)
            if what == "close":
                case.closed = (self.now, "real")
                cause.since = None
            elif what == "reopen":
                case.closed, case.quiet_since, cause.since, cause.matches = None, self.now, None, []
        self.now += 0.5

    def act(self, incident_id: str, what: str, faults: Iterable[Fault | None]) -> int:
        """Act as a person whose client repeats a request without an answer, and return the status."""
        caller = Caller("alice's id", "alice", Role.USER, TokenUse.ACCESS, "token")
        with self.time():
            actor = Actor(caller, Origin("alice's id"), ids.derived_id(clock.now(), str(self.sequence), what))
            self.sequence += 1
            with Wire(fault for fault in faults if fault in (None, Fault.CONFLICT, Fault.RESPONSE_LOST)) as wire:
                for _ in range(20):
                    with wire.invocation():
                        try:
                            acts.act(incident_id, NewAct.model_validate({"act": what}), None, actor)
                            return 200
                        except ApiError as error:
                            return error.code.status
                        except (ClientError, BotoCoreError, PynamoDBException):
                            continue
        raise AssertionError("it was never done")

    @invariant()
    def the_same_incidents(self) -> None:
        if not hasattr(self, "causes"):
            return
        stored = self.stored()
        numbers = sorted(int(incident.number) for each in stored.values() for incident in each)
        assert numbers == list(range(1, len(numbers) + 1))
        for key, cause in self.causes.items():
            assert [self.case(incident) for incident in stored.get(key, [])] == [
                (case.opened, case.occurrences, case.closed, sorted(case.acts)) for case in cause.cases
            ], key

    def stored(self) -> dict[tuple[str, str], list[IncidentRecord]]:
        items = client("dynamodb").scan(TableName="IncidentsTable")["Items"]
        found: dict[tuple[str, str], list[IncidentRecord]] = {}
        records = [IncidentRecord.from_raw_data(item) for item in items if item["item"]["S"] == "incident"]
        for incident in sorted(records, key=lambda one: int(one.number)):
            found.setdefault((incident.rule_id, str(incident.source)), []).append(incident)
        return found

    def case(self, incident: IncidentRecord) -> tuple[float, int, tuple[float, str] | None, list[str]]:
        acts = ActRecord.query(incident.id, ActRecord.item.startswith("act#"))
        closed = (_second(incident.closed_at), str(incident.close_reason)) if incident.closed_at else None
        return _second(incident.opened_at), int(incident.occurrences), closed, sorted(one.act for one in acts)


def _second(time: datetime) -> float:
    return (time - START).total_seconds()


def _last(acts: list[str], act: str) -> int:
    return max((number for number, one in enumerate(acts) if one == act), default=0)


@pytest.fixture(autouse=True)
def world() -> None:
    """Each run of the machine has a world of its own."""


TestWatching = Watching.TestCase
TestWatching.settings = settings(
    max_examples=40, stateful_step_count=15, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate)
)
