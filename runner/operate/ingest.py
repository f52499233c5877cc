"""Put a file of vehicles on the stream of detections: `make ingest FILE=vehicles.csv`.

The file is CSV (a header with year, make, model and category, optionally created_at and id, in any order and letter
case) or JSON Lines (one object on each line); `-` is standard input. It is read while it is sent, so it may be of any
size.
"""

import argparse
import csv
import io
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError, NoCredentialsError
from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from detections.report import ReportedDetection
from runner import arguments
from runner.errors import RunnerError, UsageError
from runner.stack import STACK_FILE, STACK_NAME, Stack
from sitewatch import ids
from sitewatch.delivery import DeliveryFailed, chunks, deliver

MAX_RECORDS = 500
MAX_BYTES = 5 * 1024 * 1024
"""Of one call of PutRecords."""

ATTEMPTS = 60
"""How often refused records are sent again: for a minute or so, if a shard is busy."""

MAX_LINE_LENGTH = 1024 * 1024
MAX_YEAR_DIGITS = 9
COLUMNS = frozenset(ReportedDetection.model_fields)
NEEDED_COLUMNS = ("year", "make", "model", "category")

Outcome = dict[str, Any] | str
"""A line's report, or what is wrong with it."""

Send = Callable[[Sequence[dict[str, Any]]], Sequence[dict[str, Any]]]
"""Puts entries on a stream and returns those that it refused."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    arguments.add(parser, "file", "FILE", "a CSV or JSON Lines file, or - for standard input")
    arguments.add(
        parser, "--stream", "STREAM", "a stream that your own AWS settings reach; default: the local system's"
    )
    parser.add_argument("--region", default="", help="the region of that stream, if your settings name none")


def run(parsed: argparse.Namespace) -> int:
    """Put a file on the stream and report the result; returns 1 if lines were bad."""
    console, name, tally = Console(stderr=True, highlight=False), parsed.file, Tally()

    def complain(line: str) -> None:
        console.print(line, markup=False, soft_wrap=True)

    with opened(name) as file:
        client, stream = destination(parsed.stream, parsed.region)
        text = io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="")
        try:
            with bar(file, tally, console) as advance:
                put(text, sender(client, stream), tally=tally, complain=complain, advance=advance)
        except (BotoCoreError, ClientError, DeliveryFailed) as error:
            raise RunnerError(f"{explanation(error, stream)}\n{tally.summary()}") from error
        except OSError as error:
            raise RunnerError(f"Cannot read {name}: {error.strerror}.\n{tally.summary()}") from error
        except KeyboardInterrupt:
            complain(f"Interrupted. {tally.summary()}")
            raise
    if not tally.put and not tally.bad:
        raise RunnerError(f"{'Standard input' if name == '-' else name} has no vehicles.")
    print(tally.summary())
    return 1 if tally.bad else 0


@dataclass
class Tally:
    """The result so far."""

    put: int = 0
    bad: int = 0
    began: float = field(default_factory=time.monotonic)

    def summary(self) -> str:
        """The summary that is printed at the end."""
        seconds = time.monotonic() - self.began
        return f"{self.put:,} put, {self.bad:,} bad, {seconds:.1f} s, {self.put / max(seconds, 0.001):,.0f} a second"


def lines(file: TextIO) -> Iterator[str]:
    """The lines of a file; a line longer than a record may be is cut."""
    while line := file.readline(MAX_LINE_LENGTH + 1):
        yield line
        while len(line) > MAX_LINE_LENGTH and not line.endswith(("\n", "\r")):
            line = file.readline(MAX_LINE_LENGTH + 1)


def outcomes(file: TextIO) -> Iterator[tuple[int, Outcome]]:
    """Each line's number and outcome. JSON Lines begin with a brace; CSV does not."""
    written = ((number, line) for number, line in enumerate(lines(file), start=1) if line.strip())
    number, first = next(written, (0, ""))
    if not first:
        return
    if first.lstrip().startswith("["):
        raise RunnerError("The file is one JSON array; JSON Lines has an object on each line, without commas.")
    if first.lstrip().startswith("{"):
        read = from_json
        yield number, read(first)
    else:
        read = partial(from_csv, column_names(first))
    for number, line in written:
        yield number, read(line) if len(line) <= MAX_LINE_LENGTH else f"longer than {MAX_LINE_LENGTH} characters"


def from_json(line: str) -> Outcome:
    """Parse a line of JSON Lines."""
    try:
        return check(json.loads(line))
    except (ValueError, RecursionError) as error:
        return f"not JSON: {error}"


def from_csv(names: Sequence[str], line: str) -> Outcome:
    """Parse a line of CSV. An empty cell is an absent field."""
    try:
        (cells,) = csv.reader([line], strict=True)
    except csv.Error as error:
        return f"not CSV: {error}"
    if len(cells) > len(names):
        return f"{len(cells)} cells under {len(names)} columns"
    report: dict[str, object] = {
        name: cell.strip() for name, cell in zip(names, cells, strict=False) if name in COLUMNS and cell.strip()
    }
    year = str(report.get("year", ""))
    if year.isascii() and year.isdecimal() and len(year) <= MAX_YEAR_DIGITS:
        report["year"] = int(year)
    return check(report)


def column_names(header: str) -> list[str]:
    """Parse the header of a CSV.

    Raises RunnerError if a needed column is missing or a column appears twice.
    """
    try:
        names = [name.strip().lower() for name in next(csv.reader([header]))]
    except csv.Error as error:
        raise RunnerError(f"The file is neither CSV nor JSON Lines: {error}.") from error
    missing = [name for name in NEEDED_COLUMNS if name not in names]
    if missing:
        raise RunnerError(
            f"The file is neither JSON Lines nor a CSV of vehicles: its first line names no {', '.join(missing)}."
        )
    twice = sorted(name for name in COLUMNS if names.count(name) > 1)
    if twice:
        raise RunnerError(f"The CSV's header names {', '.join(twice)} more than once.")
    return names


def check(report: object) -> Outcome:
    """Validate a report and give it an id, so that a report that is sent twice is one detection."""
    try:
        checked = ReportedDetection.model_validate(report)
    except ValidationError as error:
        return "; ".join(
            ": ".join([*(str(part) for part in problem["loc"]), problem["msg"]])
            for problem in error.errors(include_url=False, include_context=False, include_input=False)
        )
    return {"id": ids.new_id(), **checked.model_dump(mode="json", exclude_none=True)}


def put(
    file: TextIO,
    send: Send,
    *,
    tally: Tally,
    complain: Callable[[str], None],
    advance: Callable[[], None] = lambda: None,
) -> None:
    """Put every vehicle of a file on the stream.

    `complain` is called with each bad line, `advance` after each call. `tally` has the result so far, also if this
    raises: RunnerError if the file is neither CSV nor JSON Lines, DeliveryFailed if the stream keeps refusing records.
    """

    def good() -> Iterator[dict[str, Any]]:
        for number, outcome in outcomes(file):
            if isinstance(outcome, str):
                tally.bad += 1
                complain(f"line {number}: {outcome}")
            else:
                yield {"Data": json.dumps(outcome).encode(), "PartitionKey": outcome["id"]}

    for chunk in chunks(good(), max_entries=MAX_RECORDS, size=weight, max_bytes=MAX_BYTES):
        deliver(chunk, send, attempts=ATTEMPTS)
        tally.put += len(chunk)
        advance()


def weight(entry: Mapping[str, Any]) -> int:
    """The size of an entry in bytes, as PutRecords counts it."""
    return len(entry["Data"]) + len(entry["PartitionKey"])


def sender(client: Any, stream: str) -> Send:
    """A function that puts entries on this stream."""

    def send(entries: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
        answer = client.put_records(StreamName=stream, Records=entries)
        return [entry for entry, outcome in zip(entries, answer["Records"], strict=True) if "ErrorCode" in outcome]

    return send


def destination(stream: str, region: str, file: Path = STACK_FILE) -> tuple[Any, str]:
    """A Kinesis client and a stream: the local system's, or AWS's if one is named or nothing runs here."""
    if not stream and file.exists():
        local = Stack.read(file)
        return local.client("kinesis"), local.detections_stream
    return Stack.named(region=region).client("kinesis"), stream or f"{STACK_NAME}-detections"


def opened(name: str) -> BinaryIO:
    """Open a file, or standard input for `-`.

    Raises RunnerError if it cannot be read, UsageError without a name.
    """
    if not name:
        raise UsageError("Name a file: make ingest FILE=docs/examples/vehicles.csv, or - for standard input.")
    try:
        return sys.stdin.buffer if name == "-" else Path(name).open("rb")
    except OSError as error:
        raise RunnerError(f"Cannot read {name}: {error.strerror}.") from error


@contextmanager
def bar(file: BinaryIO, tally: Tally, console: Console) -> Iterator[Callable[[], None]]:
    """Show a progress bar on a terminal; yields the function that updates it."""
    size = None
    if file.seekable():  # a pipe has no size
        here = file.tell()
        size = file.seek(0, io.SEEK_END)
        file.seek(here)
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task("0 put", total=size)

        def advance() -> None:
            read = None if size is None else file.tell()
            progress.update(task, description=f"{tally.put:,} put", completed=read)

        yield advance


def explanation(error: Exception, stream: str) -> str:
    """Why a call failed, in one line."""
    if isinstance(error, NoCredentialsError):
        return "There are no AWS credentials here, and no local system: make up starts one."
    if isinstance(error, EndpointConnectionError):
        return f"{error} Is the system up? See make status."
    if isinstance(error, ClientError) and error.response["Error"]["Code"] == "ResourceNotFoundException":
        return f"There is no stream {stream}."
    return f"The stream {stream} does not take records: {error}"
