"""List rejected records, put them on the stream again or drop them: `make quarantine`.

Without arguments it lists the records that are not valid detections. SHOW=id writes one record's bytes, REINGEST=id
puts them on the stream again (FILE= puts a file's bytes instead: one detection or several, in any format that the
stream accepts), and DROP=id deletes them; REINGEST=all and DROP=all do that to every record. An id may be shortened as
long as only one record's id begins with it.

A record is put on the stream first and leaves the quarantine second: an interruption leaves it in both, never in
neither.
"""

import argparse
import base64
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from detections import formats
from detections import report as reports
from detections.report import MAX_RECORD_BYTES
from runner import arguments
from runner.errors import RunnerError, UsageError
from runner.operate.queues import Message, Queue
from runner.stack import Stack, aws_errors, find
from sitewatch import clock

ALL = "all"
SHOWN_ID = 8
MAX_PROBLEMS = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    arguments.add(parser, "--show", "SHOW", "an id: write that record's bytes to standard output")
    arguments.add(parser, "--reingest", "REINGEST", "an id or all: put it on the stream again")
    arguments.add(parser, "--drop", "DROP", "an id or all: delete it")
    arguments.add(parser, "--file", "FILE", "with --reingest: this file's detections instead; - is standard input")
    arguments.add_stack(parser)


def run(parsed: argparse.Namespace) -> None:
    """List the records, or show, reingest or drop some."""
    if sum(map(bool, (parsed.show, parsed.reingest, parsed.drop))) > 1:
        raise UsageError("Only one of SHOW=, REINGEST= and DROP= at a time.")
    if parsed.reingest == ALL and parsed.file:
        raise UsageError("FILE is one record's fixed bytes: name the record with REINGEST=id.")
    stack = find(parsed)
    with aws_errors(f"Looking into {stack.stack_name}'s quarantine"), Quarantine(stack) as quarantine:
        if parsed.show:
            show(quarantine, parsed.show)
        elif parsed.reingest:
            reingest(quarantine, parsed.reingest, parsed.file)
        elif parsed.drop:
            drop(quarantine, parsed.drop)
        else:
            show_all(quarantine)


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A record in quarantine. `place` holds its bytes, `{"data": base64}`, or the `{"bucket", "key"}` of an object."""

    id: str
    reason: str
    arrived_at: str
    partition_key: str
    index: int | None
    place: Mapping[str, str] = field(repr=False)

    def __str__(self) -> str:
        part = "" if self.index is None else f"part {self.index} of its record: "
        return f"{part}{self.reason}"

    @staticmethod
    def of(message: Message) -> "Quarantined":
        """Parse a message of the function `detections.on_stream_index`."""
        try:
            body = json.loads(message["Body"])
            place = {name: body[name] for name in (("data",) if "data" in body else ("bucket", "key"))}
            return Quarantined(
                message["MessageId"],
                body["reason"],
                body["arrived_at"],
                body["partition_key"],
                body.get("index"),
                place,
            )
        except (ValueError, KeyError, TypeError) as error:
            raise RunnerError(f"{message['MessageId']} in quarantine is none of the index's: {error!r}") from error


class Quarantine(Queue):
    """The quarantine of a stack."""

    def __init__(self, stack: Stack) -> None:
        super().__init__(stack.client("sqs"), stack.resource("QuarantineQueue", "AWS::SQS::Queue"))
        self._stream = stack.resource("DetectionsStream", "AWS::Kinesis::Stream")
        self._kinesis, self._s3 = stack.client("kinesis"), stack.client("s3")

    def records(self) -> Iterator[Quarantined]:
        """Every record in quarantine."""
        return map(Quarantined.of, self.messages())

    def find(self, prefix: str) -> Quarantined:
        """The only record whose id begins with a prefix."""
        found = [record for record in self.records() if record.id.startswith(prefix)]
        if len(found) != 1:
            raise RunnerError(f"{len(found) or 'No'} records in quarantine have an id that begins with {prefix}.")
        return found[0]

    def chosen(self, prefix: str) -> Iterator[Quarantined]:
        """The only record whose id begins with a prefix, or with `all` every record that is in quarantine now.

        A record that is put on the stream again and rejected again comes back; it is not returned a second time.
        """
        if prefix != ALL:
            yield self.find(prefix)
            return
        left = {record.id for record in self.records()}
        self.release()
        for record in self.records():
            if record.id in left:
                left.remove(record.id)
                yield record
            if not left:
                return

    def bytes_of(self, record: Quarantined) -> bytes:
        """The bytes that the camera sent."""
        if "data" in record.place:
            return base64.b64decode(record.place["data"])
        bucket, key = record.place["bucket"], record.place["key"]
        try:
            body: bytes = self._s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        except self._s3.exceptions.NoSuchKey:
            raise RunnerError(f"The bytes of {record.id} are gone: there is no s3://{bucket}/{key}.") from None
        return body

    def reingest(self, record: Quarantined, data: bytes) -> None:
        """Put `data` on the stream with the record's partition key, then drop the record."""
        self._kinesis.put_record(StreamName=self._stream, PartitionKey=record.partition_key, Data=data)
        self.drop(record)

    def drop(self, record: Quarantined) -> None:
        """Delete a record: its message, then its object, which nothing refers to any more."""
        self.delete(record.id)
        if "bucket" in record.place:
            self._s3.delete_object(Bucket=record.place["bucket"], Key=record.place["key"])


def show_all(quarantine: Quarantine) -> None:
    """Print one line for each record."""
    count = 0
    for record in quarantine.records():
        count += 1
        size = f"{len(quarantine.bytes_of(record))} B" if "data" in record.place else "> 150 KiB"
        # ascii: a record cannot send control characters to the terminal.
        print(f"{record.id[:SHOWN_ID]}  {record.arrived_at}  {size:>9}  {ascii(str(record))[1:-1]}")
    print(f"{count} in quarantine.")


def show(quarantine: Quarantine, prefix: str) -> None:
    """Write one record's bytes to standard output, and its id, time and reason to standard error."""
    record = quarantine.find(prefix)
    print(f"{record.id}, arrived at {record.arrived_at}: {record}", file=sys.stderr)
    sys.stdout.flush()
    sys.stdout.buffer.write(quarantine.bytes_of(record))
    sys.stdout.buffer.flush()


def reingest(quarantine: Quarantine, prefix: str, file: str) -> None:
    """Put one record, or all, on the stream again; the bytes of `file` instead if it is named."""
    if file:
        reingest_file(quarantine, prefix, file)
        return
    count = 0
    for record in quarantine.chosen(prefix):
        count += 1
        quarantine.reingest(record, quarantine.bytes_of(record))
    print(f"{count} put on the stream again.")


def reingest_file(quarantine: Quarantine, prefix: str, file: str) -> None:
    """Put the detections in a file on the stream in place of a record: as one record, so that all go or none.

    Raises RunnerError, and leaves the record where it is, if something in the file is no detection.
    """
    data = _read(file)
    wrong = problems(data)
    if wrong:
        raise RunnerError("\n".join([f"{file} is not all detections; nothing was put.", *wrong[:MAX_PROBLEMS]]))
    quarantine.reingest(quarantine.find(prefix), data)
    count = len(formats.parts(data))
    print(f"{count} {'detection' if count == 1 else 'detections'} put on the stream.")


def problems(data: bytes) -> list[str]:
    """What the index would reject in these bytes."""
    if len(data) > MAX_RECORD_BYTES:
        return [f"It is larger than a record may be ({MAX_RECORD_BYTES} bytes): compress it with gzip, or split it."]
    try:
        parts = formats.parts(data)
    except formats.NoDetections as error:
        return [f"It is {error}."]
    found: list[str] = []
    for number, part in enumerate(parts):
        try:
            reports.read(part, clock.now())
        except ValueError as error:
            found.append(f"part {number}: {error}")
    return found


def drop(quarantine: Quarantine, prefix: str) -> None:
    """Delete one record, or all."""
    count = 0
    for record in quarantine.chosen(prefix):
        count += 1
        quarantine.drop(record)
    print(f"{count} dropped.")


def _read(file: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise RunnerError(f"Cannot read {file}: {error.strerror}.") from error
