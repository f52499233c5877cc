"""Put detections on the stream."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError
from pydantic import ValidationError

from detections.report import ReportedDetection, entry
from runner.operate.ingest.progress import Tally
from runner.operate.ingest.reading import Columns, Row
from runner.stack import STACK_NAME, Stack
from sitewatch.delivery import chunks, deliver

MAX_RECORDS = 500
MAX_BYTES = 5 * 1024 * 1024
"""Of one call of PutRecords."""

ATTEMPTS = 60
"""How often refused records are sent again: for a minute or so, if a shard is busy."""

STREAM_SUFFIX = "-detections"
"""Of the stream's name, after the stack's."""

COLUMNS = Columns(
    "vehicles",
    needed=("year", "make", "model", "category"),
    optional=("created_at", "id", "source"),
    numbers=frozenset({"year"}),
)

Send = Callable[[Sequence[dict[str, Any]]], Sequence[dict[str, Any]]]
"""Puts entries on a stream and returns those that it refused."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a file's detections come from.

    `source` is their source, unless `is_default` and the record names its own. `fingerprint` is the file's.
    """

    source: str
    is_default: bool
    fingerprint: str

    def complete(self, row: Row, report: dict[str, Any]) -> dict[str, Any]:
        """Give a report a source and an id: a report that is sent twice, or a file, is one detection."""
        if "id" not in report:
            report["id"] = f"{self.fingerprint}-{row.line}"
        if not (self.is_default and "source" in report):
            report["source"] = self.source
        return report


def put(
    rows: Iterable[Row], origin: Origin, send: Send, tally: Tally, expect: Callable[[str], None] = lambda _: None
) -> None:
    """Put every vehicle of a file on the stream.

    `expect` is called with the source of each before it is put. `tally` has the result so far, also if this raises:
    DeliveryFailed if the stream keeps refusing records.
    """

    def entries() -> Iterator[dict[str, Any]]:
        for row, report in valid(rows, tally):
            completed = origin.complete(row, report)
            expect(completed["source"])
            yield entry(completed)

    for chunk in chunks(entries(), max_entries=MAX_RECORDS, size=weight, max_bytes=MAX_BYTES):
        deliver(chunk, send, attempts=ATTEMPTS)
        tally.accept(len(chunk))


def valid(rows: Iterable[Row], tally: Tally) -> Iterator[tuple[Row, dict[str, Any]]]:
    """Yield the rows that the index accepts, each with its report; the others go to `tally`."""
    for row in rows:
        if row.problem:
            tally.reject(row, row.problem)
            continue
        try:
            report = ReportedDetection.model_validate(row.content)
        except ValidationError as error:
            tally.reject(row, _reason(error))
        else:
            yield row, report.model_dump(mode="json", exclude_none=True)


def _reason(error: ValidationError) -> str:
    return "; ".join(
        ": ".join([*(str(part) for part in problem["loc"]), problem["msg"]])
        for problem in error.errors(include_url=False, include_context=False, include_input=False)
    )


def weight(entry: Mapping[str, Any]) -> int:
    """The size of an entry in bytes, as PutRecords counts it."""
    return len(entry["Data"]) + len(entry["PartitionKey"])


def sender(client: Any, stream: str) -> Send:
    """A function that puts entries on this stream."""

    def send(entries: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
        answer = client.put_records(StreamName=stream, Records=entries)
        return [entry for entry, outcome in zip(entries, answer["Records"], strict=True) if "ErrorCode" in outcome]

    return send


def destination(stream: str, region: str, file: Path) -> tuple[Stack, str]:
    """A stack and its stream: of the local system in this file, or on AWS if a stream is named or nothing runs here."""
    if not stream and file.exists():
        local = Stack.read(file)
        return local, local.detections_stream
    stream = stream or STACK_NAME + STREAM_SUFFIX
    return Stack.named(stream.removesuffix(STREAM_SUFFIX), region=region), stream


def explanation(error: Exception, stream: str) -> str:
    """Why a call failed, in one line."""
    if isinstance(error, NoCredentialsError):
        return "There are no AWS credentials here, and no local system: make up starts one."
    if isinstance(error, EndpointConnectionError):
        return f"{error} Is the system up? See make status."
    if isinstance(error, ClientError) and error.response["Error"]["Code"] == "ResourceNotFoundException":
        return f"There is no stream {stream}."
    return f"The stream {stream} does not take records: {error}"
