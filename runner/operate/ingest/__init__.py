"""Import a file: `make ingest FILE=vehicles.csv` puts vehicles on the stream of detections.

The file is CSV (a header with year, make, model and category, optionally created_at, id and source, in any order and
letter case; commas, semicolons, tabs or bars) or JSON Lines (one object on each line), in UTF-8, UTF-16 or any
ENCODING, plain or gzip; `-` is standard input. It is read while it is sent, so it may be of any size. The same file
again adds nothing.

KIND=readings imports readings of door sensors (sensor, ts, in_count, out), KIND=events events of devices (event_type,
event_payload), both by HTTP: to the local system, or to BASE_URL with TOKEN.
"""

import argparse
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import TypeAdapter, ValidationError
from rich.console import Console

from runner import arguments
from runner.errors import RunnerError, UsageError
from runner.operate.ingest import posting, stream
from runner.operate.ingest.novelty import Novelty, counter
from runner.operate.ingest.opening import STANDARD_INPUT, Opened, encoding, opened
from runner.operate.ingest.progress import Tally, bar
from runner.operate.ingest.reading import rows
from runner.stack import running_file
from sitewatch.delivery import DeliveryFailed
from sitewatch.names import SourceName, to_source_name

DETECTIONS = "detections"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    kinds = arguments.one_of(DETECTIONS, *posting.KINDS)
    arguments.add(parser, "file", "FILE", "a CSV or JSON Lines file, or - for standard input")
    arguments.add(parser, "--kind", "KIND", "detections (the default), readings or events", kinds, DETECTIONS)
    arguments.add(parser, "--encoding", "ENCODING", "the file's encoding, if it is not UTF-8 or UTF-16", encoding)
    arguments.add(parser, "--source", "SOURCE", "the source of the detections; default: the file's name", _source)
    arguments.add(
        parser, "--stream", "STREAM", "a stream that your own AWS settings reach; default: the local system's"
    )
    parser.add_argument("--region", default="", help="the region of that stream, if your settings name none")
    parser.add_argument("--stack-file", default="", help="another local system's stack.json")
    arguments.add(
        parser,
        "--base-url",
        "BASE_URL",
        "the API that takes readings and events; default: the local one",
        posting.address,
    )
    arguments.add(parser, "--token", "TOKEN", "a token for that address; it is never shown")


def run(parsed: argparse.Namespace) -> int:
    """Import a file and report the result; returns 1 if lines were bad."""
    _check_variables(parsed)
    console, name = Console(stderr=True, highlight=False), parsed.file

    def complain(line: str) -> None:
        console.print(line, markup=False, soft_wrap=True)

    tally = Tally(complain=complain)
    try:
        with opened(name, parsed.encoding) as file, bar(file.source, tally, console):
            novelty = _import(file, parsed, tally)
    except KeyboardInterrupt:
        complain(f"Interrupted. {tally.summary()}")
        raise
    except RunnerError as error:
        if not tally.put:
            raise
        raise RunnerError(f"{error}\n{tally.summary()}") from error
    if not tally.put and not tally.bad:
        raise RunnerError(f"{'Standard input' if name == STANDARD_INPUT else name} has no records.")
    print(tally.summary())
    if novelty and tally.put:
        with console.status("Waiting for the index"):
            print(novelty.wait(tally.put))
    return 1 if tally.bad else 0


def _check_variables(parsed: argparse.Namespace) -> None:
    """Raise UsageError if a variable is set that does not apply to this kind of record."""
    others = ("base_url",) if parsed.kind == DETECTIONS else ("source", "stream")
    for name in others:
        if getattr(parsed, name):
            raise UsageError(f"{name.upper()} does not apply to KIND={parsed.kind}.")


def _import(file: Opened, parsed: argparse.Namespace, tally: Tally) -> Novelty | None:
    """Import every row; returns what counts the new ones, for records that it can count."""
    local = Path(parsed.stack_file) if parsed.stack_file else running_file()
    if parsed.kind != DETECTIONS:
        kind = posting.KINDS[parsed.kind]
        api = posting.destination(parsed.base_url, parsed.token, local)
        posting.post(rows(file.text, kind.columns), kind, api, file.fingerprint, tally)
        return None
    stack, name = stream.destination(parsed.stream, parsed.region, local)
    origin = stream.Origin(
        parsed.source or _source_of(parsed.file), is_default=not parsed.source, fingerprint=file.fingerprint
    )
    novelty = Novelty(counter(stack, name))
    try:
        send = stream.sender(stack.client("kinesis"), name)
        stream.put(rows(file.text, stream.COLUMNS), origin, send, tally, novelty.expect)
        return novelty
    except (BotoCoreError, ClientError, DeliveryFailed) as error:
        raise RunnerError(stream.explanation(error, name)) from error


def _source_of(file: str) -> str:
    """The source of a file's detections: the file's name."""
    return "stdin" if file == STANDARD_INPUT else to_source_name(Path(file).name)


def _source(text: str) -> Any:
    try:
        return TypeAdapter(SourceName).validate_python(text)
    except ValidationError as error:
        raise ValueError(f"a valid name ({error.errors()[0]['ctx']['error']})") from None
