"""The streams of the tables that signals come from, on moto, and the timers: AWS's part in watching.

`Watch` hands the tables' changes to the consumer, and what is due to the worker, until they accept them.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from unittest import mock

from moto.dynamodb.models import dynamodb_backends
from moto.sqs.models import sqs_backends

from sitewatch import clock
from sitewatch.callers import Role
from tests.world import instance
from tests.world.aws import REGION
from tests.world.calling import Answer, Context, access_token, call
from tests.world.environment import ACCOUNT
from tests.world.faults import Killed
from watching import on_queue_timer, on_schedule_tick, on_table_signal

TABLES = ("DetectionsTable", "EventsTable", "DataPointsTable", "OccupancyTable", "SourcesTable")
MAX_ATTEMPTS = 100


@dataclass
class Watch:
    """Carries the changes of the tables to the consumer, each table's in order, and sets off timers."""

    _taken: dict[str, int] = field(default_factory=dict)

    def changes(self, table: str) -> list[dict[str, Any]]:
        """The changes of a table since the last call, as Lambda passes them to a function."""
        shard: Any = dynamodb_backends[ACCOUNT][REGION].get_table(table).stream_shard
        fresh = [_as_passed(table, item.to_json()) for item in shard.items[self._taken.get(table, 0) :]]
        self._taken[table] = len(shard.items)
        # On moto, a write that changes nothing is a change too.
        return [one for one in fresh if one["dynamodb"].get("OldImage") != one["dynamodb"].get("NewImage")]

    def carry(self, sizes: Iterable[int] = (), rewinds: Iterable[int] = ()) -> None:
        """Hand every change to the consumer, in batches of these sizes, and some of them again."""
        sizes, rewinds = iter(sizes), iter(rewinds)
        for table in TABLES:
            changes, position, failures = self.changes(table), 0, 0
            while position < len(changes):
                batch = changes[position : position + next(sizes, 500)]
                event = {"Records": batch, "shardId": "shard-0"}
                if failures >= MAX_ATTEMPTS:
                    on_table_signal.handler(event, Context())
                if self.accepts(on_table_signal.handler, event):
                    position = max(position + len(batch) - next(rewinds, 0), 0)
                else:
                    failures += 1

    def tick(self) -> None:
        """Run the schedule once, and then everything whose timer has been set, whenever it is due."""
        on_schedule_tick.handler({}, Context())
        self.run_timers()

    def run_timers(self) -> None:
        """Hand every message of the timers queue to the worker."""
        queue: Any = sqs_backends[ACCOUNT][REGION].queues["TimersQueue"]
        bodies = [message.body for message in queue._messages]
        queue._messages = []
        if bodies:
            event = {"Records": [{"body": body} for body in bodies]}
            if not any(self.accepts(on_queue_timer.handler, event) for _ in range(MAX_ATTEMPTS)):
                on_queue_timer.handler(event, Context())

    @staticmethod
    def accepts(handler: Any, event: Mapping[str, Any]) -> bool:
        """Whether an invocation succeeds."""
        with suppress(Exception, Killed):
            handler(event, Context())
            return True
        return False


@contextmanager
def later(seconds: float) -> Iterator[None]:
    """While its block runs, it is so many seconds later, and functions have forgotten what they read."""
    now = clock.now

    def then() -> datetime:
        return now() + timedelta(seconds=seconds)

    instance.forget()
    with mock.patch.object(clock, "now", then):
        yield


def _as_passed(table: str, record: dict[str, Any]) -> dict[str, Any]:
    """A stream's record as Lambda passes it: moto names no table, and has a datetime in it."""
    stream = record["dynamodb"]
    created_at = stream["ApproximateCreationDateTime"].timestamp()
    return record | {
        "eventSourceARN": f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/{table}/stream/2026-11-22T06:00:00.000",
        "dynamodb": stream | {"ApproximateCreationDateTime": created_at},
    }


def make_rule(**fields: Any) -> str:
    """Create a rule as an administrator, and return its id."""
    answer = call("POST", "/rules", token=access_token(Role.ADMIN), body={"name": "a rule", **fields})
    assert answer.status == 201, answer.text
    return str(answer.json["id"])


def incidents(**query: object) -> list[dict[str, Any]]:
    """The incidents, newest first."""
    answer = call("GET", "/incidents", query=query, token=access_token())
    assert answer.status == 200, answer.text
    found: list[dict[str, Any]] = answer.json["incidents"]
    return found


def act(incident_id: str, act: str, *, by: str = "someone", if_match: str | None = None, **more: Any) -> Answer:
    """Act on an incident as the user with this username."""
    headers = {"If-Match": if_match} if if_match else {}
    return call(
        "POST",
        "/incidents/{incident_id}/acts",
        path={"incident_id": incident_id},
        token=access_token(username=by),
        headers=headers,
        body={"act": act, **more},
    )
