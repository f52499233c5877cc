"""What is in quarantine, and what to do with it: `make quarantine`.

Without more it lists the records that were no detections. SHOW=id writes one record's bytes, REINGEST=id puts them on
the stream again (FILE= puts a file's bytes in their place) and DROP=id deletes them; REINGEST=all and DROP=all do it to
every record. An id may be shortened as long as it stays one record's.

SQS shows a message only to who receives it. So a message that is looked at is hidden from other readers meanwhile, and
made visible again at the end. A record is put on the stream first and leaves quarantine second: interrupted, it is in
both, never in none.
"""

import argparse
import base64
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from runner.deployed import STACK_FILE, Deployed, add_arguments, find
from runner.errors import RunnerError, exit_code
from runner.local.deployment import aws_errors_as_runner_errors

QUEUE, STREAM = "QuarantineQueue", "DetectionsStream"
ALL = "all"
MOST_ENTRIES = 10
HIDDEN_SECONDS = 120
"""How long a message that is being looked at is hidden from other readers."""

WAIT_SECONDS = 1
"""More than none: only then does SQS ask all of its servers, and an empty answer means an empty queue."""

SHOWN_ID = 8


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A record in quarantine, received and so hidden until it is released or deleted.

    `place` says where its bytes are: `{"data": base64}`, or `{"bucket", "key"}` of an S3 object.
    """

    id: str
    receipt: str
    reason: str
    arrived_at: str
    partition_key: str
    place: Mapping[str, str] = field(repr=False)

    @staticmethod
    def of(message: Mapping[str, Any]) -> "Quarantined":
        """A received message, as the function `detections.on_stream_index` sends them.

        Raises RunnerError where it is of another kind.
        """
        try:
            body = json.loads(message["Body"])
            place = {name: body[name] for name in (("data",) if "data" in body else ("bucket", "key"))}
            return Quarantined(
                message["MessageId"],
                message["ReceiptHandle"],
                body["reason"],
                body["arrived_at"],
                body["partition_key"],
                place,
            )
        except (ValueError, KeyError, TypeError) as error:
            raise RunnerError(f"{message['MessageId']} in quarantine is none of the index's: {error!r}") from error


class Quarantine:
    """The quarantine of a stack. What has been received is visible to others again when the block ends."""

    def __init__(self, deployed: Deployed) -> None:
        self._url = deployed.resource(QUEUE, "AWS::SQS::Queue")
        self._stream = deployed.resource(STREAM, "AWS::Kinesis::Stream")
        self._sqs, self._kinesis, self._s3 = (deployed.client(service) for service in ("sqs", "kinesis", "s3"))
        self._held: dict[str, str] = {}
        """The receipt of each message that is hidden from others on our account."""

    def __enter__(self) -> "Quarantine":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def release(self) -> None:
        """Make visible again what has been received."""
        receipts = list(self._held.values())
        for first in range(0, len(receipts), MOST_ENTRIES):
            entries = [
                {"Id": str(number), "ReceiptHandle": receipt, "VisibilityTimeout": 0}
                for number, receipt in enumerate(receipts[first : first + MOST_ENTRIES])
            ]
            # One that is refused has become visible by itself.
            self._sqs.change_message_visibility_batch(QueueUrl=self._url, Entries=entries)
        self._held.clear()

    def records(self) -> Iterator[Quarantined]:
        """Every record in quarantine, each once.

        One that takes longer to be looked through than `HIDDEN_SECONDS` comes again, and is passed over.
        """
        seen: set[str] = set()
        while True:
            messages = self._sqs.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=MOST_ENTRIES,
                VisibilityTimeout=HIDDEN_SECONDS,
                WaitTimeSeconds=WAIT_SECONDS,
            ).get("Messages", [])
            self._held |= {message["MessageId"]: message["ReceiptHandle"] for message in messages}
            new = [message for message in messages if message["MessageId"] not in seen]
            if not new:
                return
            seen |= {message["MessageId"] for message in new}
            yield from map(Quarantined.of, new)

    def find(self, prefix: str) -> Quarantined:
        """The one record whose id begins so.

        Raises RunnerError where there is none, or more than one.
        """
        found = [record for record in self.records() if record.id.startswith(prefix)]
        if len(found) != 1:
            raise RunnerError(f"{len(found) or 'No'} records in quarantine have an id that begins with {prefix}.")
        return found[0]

    def chosen(self, prefix: str) -> Iterator[Quarantined]:
        """The record whose id begins so, or with `all` every one that is there now.

        A record that is put on the stream again and is still no detection comes back: it is not taken a second time.
        Raises RunnerError where a prefix is not one record's.
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
        """What the camera sent.

        Raises RunnerError where its object is gone.
        """
        if "data" in record.place:
            return base64.b64decode(record.place["data"])
        bucket, key = record.place["bucket"], record.place["key"]
        try:
            body: bytes = self._s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        except self._s3.exceptions.NoSuchKey:
            raise RunnerError(f"The bytes of {record.id} are gone: there is no s3://{bucket}/{key}.") from None
        return body

    def reingest(self, record: Quarantined, data: bytes) -> None:
        """Put `data` on the stream under the record's own key, then drop the record."""
        self._kinesis.put_record(StreamName=self._stream, PartitionKey=record.partition_key, Data=data)
        self.drop(record)

    def drop(self, record: Quarantined) -> None:
        """Delete a record: its message, then the object that nothing names any more."""
        self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=self._held.pop(record.id))
        if "bucket" in record.place:
            self._s3.delete_object(Bucket=record.place["bucket"], Key=record.place["key"])


def show_all(quarantine: Quarantine) -> None:
    """Print a line for every record."""
    count = 0
    for record in quarantine.records():
        count += 1
        size = f"{len(quarantine.bytes_of(record))} B" if "data" in record.place else "> 150 KiB"
        # What came in has no say in how a terminal shows it.
        print(f"{record.id[:SHOWN_ID]}  {record.arrived_at}  {size:>9}  {ascii(record.reason)[1:-1]}")
    print(f"{count} in quarantine.")


def show(quarantine: Quarantine, prefix: str) -> None:
    """Write one record's bytes to standard output, and what is known of it to standard error."""
    record = quarantine.find(prefix)
    print(f"{record.id}, arrived at {record.arrived_at}: {record.reason}", file=sys.stderr)
    sys.stdout.flush()
    sys.stdout.buffer.write(quarantine.bytes_of(record))
    sys.stdout.buffer.flush()


def reingest(quarantine: Quarantine, prefix: str, file: str) -> None:
    """Put one record, or all of them, on the stream again.

    Raises RunnerError where a file is to stand for all records, or cannot be read.
    """
    if prefix == ALL and file:
        raise RunnerError("FILE is one record's fixed bytes: name the record with REINGEST=id.")
    count = 0
    for record in quarantine.chosen(prefix):
        quarantine.reingest(record, _read(file) if file else quarantine.bytes_of(record))
        count += 1
    print(f"{count} put on the stream again.")


def drop(quarantine: Quarantine, prefix: str) -> None:
    """Delete one record, or all of them."""
    count = 0
    for record in quarantine.chosen(prefix):
        quarantine.drop(record)
        count += 1
    print(f"{count} dropped.")


def _read(file: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise RunnerError(f"Cannot read {file}: {error.strerror}.") from error


def run(parsed: argparse.Namespace, file: Path = STACK_FILE) -> None:
    """Do what the command line asks for.

    Raises RunnerError where it cannot be done.
    """
    deployed = find(parsed.stack, parsed.region, file)
    with aws_errors_as_runner_errors(f"Looking into {deployed.name}'s quarantine"), Quarantine(deployed) as quarantine:
        if parsed.show:
            show(quarantine, parsed.show)
        elif parsed.reingest:
            reingest(quarantine, parsed.reingest, parsed.file)
        elif parsed.drop:
            drop(quarantine, parsed.drop)
        else:
            show_all(quarantine)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="make quarantine", description=(__doc__ or "").partition("\n\n")[2])
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--show", metavar="ID", default="", help="write one record's bytes to standard output")
    action.add_argument("--reingest", metavar="ID|all", default="", help="put it on the stream again")
    action.add_argument("--drop", metavar="ID|all", default="", help="delete it")
    parser.add_argument("--file", default="", help="with --reingest: this file's bytes instead; - is standard input")
    add_arguments(parser)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and do it; 1 with a line on standard error where it fails."""
    parsed = parse(arguments)
    return exit_code(lambda: run(parsed))


if __name__ == "__main__":
    sys.exit(main())
