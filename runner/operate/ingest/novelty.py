"""Find out how many of the detections on the stream are new.

A detection that is known already changes nothing, so the new ones are the growth of the sums of their source. Other
sources, such as simulated cameras, do not matter; only what else arrives from the same source counts too. The index
is behind the stream, and nothing says how far: it has caught up if all are new, and else the sums are read until they
do not grow any more.
"""

import time
from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from runner.errors import RunnerError
from runner.stack import Stack

MAX_SOURCES = 100
PAUSE_S = 0.5
FIRST_S = 15.0
"""How long to wait for the first new detection: an index that has been idle is slow to start."""

QUIET_S = 8.0
"""How long the sums must not grow after that until the rest is thought to be known already."""

DEADLINE_S = 300.0
ERRORS = (BotoCoreError, ClientError, RunnerError)

CountOf = Callable[[str], int]
"""The number of indexed detections of a source."""


class Novelty:
    """Counts the new detections of one import. Call `expect` with each source before its detections are put."""

    def __init__(self, count_of: CountOf) -> None:
        self._count_of = count_of
        self._before: dict[str, int] = {}
        self.unknown = ""
        """Why the number cannot be known."""

    def expect(self, source: str) -> None:
        """Count the detections that a source has already."""
        if source in self._before or self.unknown:
            return
        if len(self._before) == MAX_SOURCES:
            self.unknown = f"the file has more than {MAX_SOURCES} sources"
            return
        try:
            self._before[source] = self._count_of(source)
        except ERRORS as error:
            self.unknown = str(error)

    def wait(self, put: int) -> str:
        """Wait until the index has caught up with `put` detections; returns a sentence about the new ones."""
        try:
            new = self._wait(put)
        except ERRORS as error:
            self.unknown = str(error)
        if self.unknown:
            return f"How many are new is not known: {self.unknown}."
        if new == put:
            return f"{new:,} new"
        return f"{new:,} new; the other {put - new:,} are known already, or still on their way"

    def _wait(self, put: int) -> int:
        new, end = 0, time.monotonic() + DEADLINE_S
        quiet_until = time.monotonic() + FIRST_S
        while not self.unknown and time.monotonic() < min(end, quiet_until):
            grown = min(put, sum(self._count_of(source) - before for source, before in self._before.items()))
            if grown == put:
                return put
            if grown != new:
                new, quiet_until = grown, time.monotonic() + QUIET_S
            time.sleep(PAUSE_S)
        return new


def counter(stack: Stack, stream: str) -> CountOf:
    """A function that counts the detections of a source in the sums of this stack, to which the stream belongs."""
    state: dict[str, Any] = {}

    def count_of(source: str) -> int:
        if not state:
            if stack.resource("DetectionsStream", "AWS::Kinesis::Stream") != stream:
                raise RunnerError(f"the stack {stack.stack_name} has another stream")
            state["table"] = stack.resource("DetectionCountsTable", "AWS::DynamoDB::Table")
            state["client"] = stack.client("dynamodb")
        return sum_of(state["client"], state["table"], f"months#source#{source}")

    return count_of


def sum_of(client: Any, table: str, counter: str) -> int:
    """The sum of the months of a counter (see `detections.counts`)."""
    key = {"counter": {"S": counter}, "value": {"S": "all"}}
    months = client.get_item(TableName=table, Key=key, ConsistentRead=True).get("Item", {})
    return sum(int(value["N"]) for name, value in months.items() if name[0].isdigit())
