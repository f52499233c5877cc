"""Put a file of vehicles on the stream of detections: `make ingest FILE=vehicles.csv`.

The file is CSV (a header with year, make, model and category, and maybe created_at and id, in any order and letter
case) or JSON Lines (an object a line); `-` is standard input. It is read as it is sent, so its size does not matter.
"""

import argparse
import csv
import io
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, TextIO

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError, NoCredentialsError, NoRegionError
from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from runner.errors import INTERRUPTED, RunnerError, exit_code
from runner.local.deployment import STACK_NAME
from runner.stack import Stack
from runner.workspace import LOCAL_FOLDER, PROJECT_ROOT

# The functions' own check of a report and their own way to deliver: deployed, not installed, so they are read in place.
sys.path[:0] = [str(PROJECT_ROOT / "functions"), str(PROJECT_ROOT / "layers" / "sitewatch" / "python")]

from detections.report import ReportedDetection  # noqa: E402
from sitewatch import ids  # noqa: E402
from sitewatch.delivery import DeliveryFailed, chunks, deliver  # noqa: E402

MOST_RECORDS = 500
MOST_BYTES = 5 * 1024 * 1024
"""What PutRecords takes in a call."""

ATTEMPTS = 60
"""How often a call is made for what the stream refuses: a minute or so, for a shard that is behind."""

LONGEST_LINE = 1024 * 1024
LONGEST_YEAR = 9
COLUMNS = frozenset(ReportedDetection.model_fields)
NEEDED_COLUMNS = ("year", "make", "model", "category")

Outcome = dict[str, Any] | str
"""A line's report, or why it is none."""

Send = Callable[[Sequence[dict[str, Any]]], Sequence[dict[str, Any]]]
"""Puts entries on a stream and gives back those that it refused."""


@dataclass
class Tally:
    """How it went."""

    put: int = 0
    bad: int = 0
    began: float = field(default_factory=time.monotonic)

    def summary(self) -> str:
        """The last line that is printed."""
        seconds = time.monotonic() - self.began
        return f"{self.put:,} put, {self.bad:,} bad, {seconds:.1f} s, {self.put / max(seconds, 0.001):,.0f} a second"


def lines(file: TextIO) -> Iterator[str]:
    """The lines of a file. One longer than a record may be is cut, and no more of it is held than that."""
    while line := file.readline(LONGEST_LINE + 1):
        yield line
        while len(line) > LONGEST_LINE and not line.endswith(("\n", "\r")):
            line = file.readline(LONGEST_LINE + 1)


def outcomes(file: TextIO) -> Iterator[tuple[int, Outcome]]:
    """Each vehicle's line number and what is in the line. JSON Lines begin with a brace; CSV does not.

    Raises RunnerError where the file is neither.
    """
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
        yield number, read(line) if len(line) <= LONGEST_LINE else f"longer than {LONGEST_LINE} characters"


def from_json(line: str) -> Outcome:
    """What a line of JSON Lines says."""
    try:
        return check(json.loads(line))
    except (ValueError, RecursionError) as error:
        return f"not JSON: {error}"


def from_csv(names: Sequence[str], line: str) -> Outcome:
    """What a line of CSV says. An empty cell is a field that is not there."""
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
    if year.isascii() and year.isdecimal() and len(year) <= LONGEST_YEAR:
        report["year"] = int(year)
    return check(report)


def column_names(header: str) -> list[str]:
    """The columns that a CSV's header names.

    Raises RunnerError where one that is needed is missing or one is there twice.
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
    """The report as it is put, with an id so that what is put twice is one detection; or what is wrong with it."""
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

    `complain` is told of each bad line, `advance` is called after each call. What was done so far is in `tally`, also
    where this raises.

    Raises RunnerError where the file is no such file, and DeliveryFailed where the stream goes on refusing.
    """

    def good() -> Iterator[dict[str, Any]]:
        for number, outcome in outcomes(file):
            if isinstance(outcome, str):
                tally.bad += 1
                complain(f"line {number}: {outcome}")
            else:
                yield {"Data": json.dumps(outcome).encode(), "PartitionKey": outcome["id"]}

    for chunk in chunks(good(), max_entries=MOST_RECORDS, size=weight, max_bytes=MOST_BYTES):
        deliver(chunk, send, attempts=ATTEMPTS)
        tally.put += len(chunk)
        advance()


def weight(entry: Mapping[str, Any]) -> int:
    """What an entry counts towards a call's limit."""
    return len(entry["Data"]) + len(entry["PartitionKey"])


def sender(client: Any, stream: str) -> Send:
    """What puts entries on the stream of that name."""

    def send(entries: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
        answer = client.put_records(StreamName=stream, Records=entries)
        return [entry for entry, outcome in zip(entries, answer["Records"], strict=True) if "ErrorCode" in outcome]

    return send


def destination(stream: str | None, region: str | None, stack: Path) -> tuple[Any, str]:
    """The client and the name of the stream: the local system's, or, where there is none or one is named, AWS's.

    Raises RunnerError where the user's AWS settings name no region.
    """
    if stream is None and stack.exists():
        local = Stack.read(stack)
        return local.client("kinesis"), local.detections_stream
    config = Config(connect_timeout=5, read_timeout=60, retries={"mode": "standard", "total_max_attempts": 5})
    try:
        # botocore itself looks for AWS_DEFAULT_REGION only.
        region = region or os.environ.get("AWS_REGION")
        client: Any = botocore.session.Session().create_client("kinesis", region_name=region, config=config)
    except NoRegionError:
        raise RunnerError("No region: name one with --region or AWS_REGION, or make up a local system first.") from None
    except BotoCoreError as error:
        raise RunnerError(f"Your AWS settings do not hold: {error}") from error
    return client, stream or f"{STACK_NAME}-detections"


@contextmanager
def opened(name: str) -> Iterator[BinaryIO]:
    """The file, or standard input for `-`.

    Raises RunnerError where it cannot be read or is empty.
    """
    if not name:
        raise RunnerError("Name a file: make ingest FILE=docs/examples/vehicles.csv, or - for standard input.")
    if name == "-":
        yield sys.stdin.buffer
        return
    path = Path(name)
    try:
        file = path.open("rb")
    except OSError as error:
        raise RunnerError(f"Cannot read {name}: {error.strerror}.") from error
    with file:
        yield file


@contextmanager
def bar(file: BinaryIO, tally: Tally, console: Console) -> Iterator[Callable[[], None]]:
    """A progress bar on a terminal; what moves it on."""
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    ) as progress:
        task = progress.add_task("0 put", total=length(file))

        def advance() -> None:
            read = file.tell() if file.seekable() else None
            progress.update(task, description=f"{tally.put:,} put", completed=read)

        yield advance


def length(file: BinaryIO) -> int | None:
    """The bytes of a file; None where it has no end yet."""
    if not file.seekable():
        return None
    here = file.tell()
    end = file.seek(0, io.SEEK_END)
    file.seek(here)
    return end


def explanation(error: Exception, stream: str) -> str:
    """A failed call in a line."""
    if isinstance(error, NoCredentialsError):
        return "There are no AWS credentials here, and no local system: make up starts one."
    if isinstance(error, EndpointConnectionError):
        return f"{error} Is the system up? make status tells."
    if isinstance(error, ClientError) and error.response["Error"]["Code"] == "ResourceNotFoundException":
        return f"There is no stream {stream}."
    return f"The stream {stream} does not take records: {error}"


def ingest(name: str, *, stream: str | None, region: str | None, stack: Path = LOCAL_FOLDER / "stack.json") -> int:
    """Put a file on the stream and say how it went; 1 where lines were bad, 130 where it was interrupted.

    Raises RunnerError where the file or the stream cannot be used at all.
    """
    console = Console(stderr=True, highlight=False)

    def complain(line: str) -> None:
        console.print(line, markup=False, soft_wrap=True)

    with opened(name) as file:
        client, stream_name = destination(stream, region, stack)
        tally = Tally()
        with bar(file, tally, console) as advance:
            text = io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="")
            try:
                put(text, sender(client, stream_name), tally=tally, complain=complain, advance=advance)
            except (BotoCoreError, ClientError, DeliveryFailed) as error:
                raise RunnerError(f"{explanation(error, stream_name)}\n{tally.summary()}") from error
            except OSError as error:
                raise RunnerError(f"Cannot read {name}: {error.strerror}.\n{tally.summary()}") from error
            except KeyboardInterrupt:
                complain(f"Interrupted. {tally.summary()}")
                return INTERRUPTED
    if not tally.put and not tally.bad:
        raise RunnerError(f"{'Standard input' if name == '-' else name} has no vehicles.")
    print(tally.summary())
    return 1 if tally.bad else 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and ingest; 1 with a line on standard error where it fails."""
    parser = argparse.ArgumentParser(prog="make ingest", description=(__doc__ or "").partition("\n\n")[2])
    parser.add_argument("file", help="a CSV or JSON Lines file, or - for standard input")
    parser.add_argument("--stream", help="a stream on AWS, by your AWS settings; else that of the local system")
    parser.add_argument("--region", help="the region of the stream on AWS, where your settings name none")
    parsed = parser.parse_args(arguments)
    return exit_code(lambda: ingest(parsed.file, stream=parsed.stream, region=parsed.region))


if __name__ == "__main__":
    sys.exit(main())
