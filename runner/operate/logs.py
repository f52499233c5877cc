"""Follow a log: `make logs`, `make logs FUNCTION=IndexDetections`, or either with STACK=name for a stack on AWS.

Without a function or a stack it is the emulator's log. Otherwise the lines come from CloudWatch Logs, which every
engine has: the last ten minutes, and then each new line.

Functions share log groups. On AWS the name of a log stream contains its function's; the emulator has a stream for each
invocation, whose JSON lines say which function wrote them. A stream that says neither is of an invocation that failed
before its first JSON line; it is shown for every function of the group, so that no failure is missed.
"""

import argparse
import itertools
import json
import subprocess
import sys
import time
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from runner import arguments
from runner.errors import RunnerError
from runner.stack import Stack, aws_errors, choose, find
from runner.workspace import LOCAL_FOLDER, Workspace

SINCE_S = 600
OVERLAP_S = 60
"""Each read goes back this far, because CloudWatch shows some lines late."""
PLATFORM_LINES = ("START RequestId:", "END RequestId:", "REPORT RequestId:")
PAUSE_S = 2.0

Event = Mapping[str, Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    arguments.add(parser, "function", "FUNCTION", "its name in template.yaml, without Function; default: all")
    parser.add_argument("--no-follow", action="store_true", help="print the lines so far and end")
    arguments.add_stack(parser)


def run(parsed: argparse.Namespace) -> None:
    """Print a log until Ctrl-C, or with --no-follow what is in it."""
    if not (parsed.function or parsed.stack or parsed.stack_file):
        log = Workspace(LOCAL_FOLDER).log
        if not log.exists():
            raise RunnerError("There is no log yet; make up starts the emulator.")
        subprocess.run(["tail", "-n", "+1", *([] if parsed.no_follow else ["-F"]), str(log)], check=False)
        return
    stack = find(parsed)
    with aws_errors(f"Reading a log of {stack.stack_name}"):
        groups = [Group(stack, name, functions) for name, functions in groups_of(stack, parsed.function).items()]
        while True:
            for event in sorted((event for group in groups for event in group.new()), key=lambda e: e["timestamp"]):
                print(event["message"].rstrip("\n"))
            sys.stdout.flush()
            if parsed.no_follow:
                return
            time.sleep(PAUSE_S)


def groups_of(stack: Stack, function: str) -> dict[str, set[str]]:
    """The log groups of a function, or of all, and the functions whose lines to show from each."""
    names = stack.resources("AWS::Lambda::Function")
    if function:
        chosen = choose(names, function, suffix="Function", variable="FUNCTION")
        names = {chosen: names[chosen]}
    groups: dict[str, set[str]] = {}
    for name in names.values():
        configuration = stack.client("lambda").get_function_configuration(FunctionName=name)
        group = configuration.get("LoggingConfig", {}).get("LogGroup") or f"/aws/lambda/{name}"
        groups.setdefault(group, set()).add(name)
    return groups


@dataclass
class Group:
    """A log group, read for the lines of some of its functions."""

    stack: Stack
    name: str
    functions: set[str]
    seen: set[object] = field(default_factory=set)
    since_ms: int = field(default_factory=lambda: int((time.time() - SINCE_S) * 1000))

    def new(self) -> Iterator[Event]:
        """The functions' lines since the last call; none if the group does not exist yet."""
        logs, started = self.stack.client("logs"), int(time.time() * 1000)
        events: list[Event] = []
        try:
            pages = logs.get_paginator("filter_log_events").paginate(logGroupName=self.name, startTime=self.since_ms)
            events = [event for page in pages for event in page["events"]]
        except logs.exceptions.ResourceNotFoundException:
            return
        self.since_ms = max(self.since_ms, started - OVERLAP_S * 1000)
        streams: dict[str, dict[object, Event]] = {}
        for event in events:
            lines = streams.setdefault(event["logStreamName"], {})
            lines[identity(event, lines)] = event
        for stream, lines in streams.items():
            writer = writer_of(stream, lines.values())
            if writer in self.functions or (writer is None and has_own_lines(lines.values())):
                yield from (event for key, event in lines.items() if key not in self.seen)
            self.seen |= lines.keys()


def identity(event: Event, others: Container[object]) -> object:
    """A line's id, unique in its group; made from the line on the emulator, which gives it none."""
    same = (event["logStreamName"], event["timestamp"], event["message"])
    numbered = ((*same, number) for number in itertools.count())
    return event.get("eventId") or next(key for key in numbered if key not in others)


def writer_of(stream: str, lines: Iterable[Event]) -> str | None:
    """The function that wrote a log stream, by the stream's name or a line in it; None if neither names it."""
    before, bracket, _ = stream.rpartition("/")[2].partition("[")
    if bracket and before:
        return before
    for line in lines:
        try:
            entry = json.loads(line["message"])
        except ValueError:
            continue
        if isinstance(entry, dict) and "function_name" in entry:
            return str(entry["function_name"])
    return None


def has_own_lines(lines: Iterable[Event]) -> bool:
    """Whether a log stream has a line of a function, not only lines of the platform."""
    return not all(line["message"].startswith(PLATFORM_LINES) for line in lines)
