"""The rate at which records become detections, sums and alerts, and the time until a client gets an alert.

``make bench-pipeline`` prints a table. It starts two systems. Runs on ours and on one with empty functions
(``tests/load/empty.py``) alternate. On ours it polls over HTTP as a client does: /stats shows what is indexed and
counted, /alerts what is alerted. The empty functions note in files what has reached them.
"""

import argparse
import io
import json
import random
import statistics
import tempfile
import threading
import time
import uuid
import zipfile
from collections.abc import Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

from rich.console import Console
from rich.table import Table

from detections.catalogue import vehicles
from runner.local.system import running_stack
from runner.stack import Stack
from tests.integration.client import Client

_MAX_RECORDS_PER_CALL = 500
_DEADLINE_SECONDS = 300.0
_POLL_SECONDS = 0.25
_RETRY_SECONDS = 0.2
"""How long an EventSource waits before it connects again: the `retry` of /alerts."""


class EmptyPipeline:
    """A system whose pipeline has empty functions."""

    HANDLERS: ClassVar = {
        "IndexDetectionsFunction": "index",
        "FollowDetectionsFunction": "follow",
        "RecordAlertsFunction": "record",
        "WatchFunction": "watch",
    }

    def __init__(self, stack: Stack, notes: Path) -> None:
        """Replace the functions of ``stack``; they note in the folder ``notes`` what they get."""
        self._stack = stack
        self._notes = notes
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as archive:
            archive.write(Path(__file__).with_name("empty.py"), "empty.py")
        functions, cloudformation = stack.client("lambda"), stack.client("cloudformation")
        for logical_id, handler in self.HANDLERS.items():
            found = cloudformation.describe_stack_resource(StackName=stack.stack_name, LogicalResourceId=logical_id)
            name = found["StackResourceDetail"]["PhysicalResourceId"]
            variables = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
            functions.update_function_configuration(
                FunctionName=name,
                Handler=f"empty.{handler}",
                Environment={"Variables": {**variables, "NOTES": str(notes)}},
            )
            functions.update_function_code(FunctionName=name, ZipFile=code.getvalue())

    def throughput(self, count: int) -> float:
        """Return records per second, from the first ``PutRecords`` until all are at the last of the functions."""
        records = make_records(count)
        suspicious = sum(record["category"] == "SUV" for record in records)
        for notes in self._notes.iterdir():
            notes.unlink()
        began = time.monotonic()
        put(self._stack, records)
        while time.monotonic() - began < _DEADLINE_SECONDS:
            if self._noted("follow") == count and self._noted("record") == suspicious:
                return count / (time.monotonic() - began)
            time.sleep(0.02)
        raise SystemExit(f"not all of {count} records reached the empty functions in {_DEADLINE_SECONDS} s")

    def _noted(self, step: str) -> int:
        notes = self._notes / step
        return sum(map(int, notes.read_text(encoding="utf-8").split())) if notes.exists() else 0


def make_records(count: int) -> list[dict[str, Any]]:
    """Return ``count`` vehicles of the catalogue, each with a model of its own."""
    return [{**vehicle, "model": uuid.uuid4().hex} for vehicle in random.choices(vehicles(), k=count)]


def put(stack: Stack, records: Sequence[Mapping[str, Any]]) -> None:
    """Put ``records`` on the stream."""
    kinesis = stack.client("kinesis")
    for first in range(0, len(records), _MAX_RECORDS_PER_CALL):
        entries = [
            {"Data": json.dumps(record).encode(), "PartitionKey": uuid.uuid4().hex}
            for record in records[first : first + _MAX_RECORDS_PER_CALL]
        ]
        if kinesis.put_records(StreamName=stack.detections_stream, Records=entries)["FailedRecordCount"]:
            raise SystemExit("the stream refused records")


class AlertReader:
    """Reads alerts continuously, as an EventSource does, and records when each arrives, by its unique model."""

    def __init__(self, base_url: str, token: str) -> None:
        self.seen_at: dict[str, float] = {}
        self._client = Client(base_url)
        self._client.carry(token)
        _, self._last_event_id = self._client.alerts(replay=0, wait=0)
        self._closed = threading.Event()
        self._pool = ThreadPoolExecutor(1)
        self._reading = self._pool.submit(self._read)

    def _read(self) -> None:
        while not self._closed.is_set():
            events, self._last_event_id = self._client.alerts(self._last_event_id, wait=5)
            now = time.monotonic()
            for event in events:
                self.seen_at[json.loads(event["data"])["model"]] = now
            self._closed.wait(_RETRY_SECONDS)

    def saw(self, alerts: Set[str]) -> bool:
        """Return whether all of ``alerts`` arrived. Raise the reader's error if it failed."""
        if self._reading.done():
            self._reading.result()
        return alerts <= self.seen_at.keys()

    def close(self) -> None:
        """Stop after the current response."""
        self._closed.set()
        self._pool.shutdown()
        self._client.close()


def throughput(stack: Stack, client: Client, reader: AlertReader, count: int) -> float:
    """Return records per second, from the first ``PutRecords`` until all ``count`` are indexed, counted and alerted."""
    records = make_records(count)
    suspicious = {str(record["model"]) for record in records if record["category"] == "SUV"}
    before = sum(client.get("/stats").json().values())
    began = time.monotonic()
    put(stack, records)
    while time.monotonic() - began < _DEADLINE_SECONDS:
        counted = sum(client.get("/stats").json().values()) - before
        if counted == count and reader.saw(suspicious):
            return count / (time.monotonic() - began)
        time.sleep(_POLL_SECONDS)
    raise SystemExit(f"not all of {count} records were counted and alerted in {_DEADLINE_SECONDS} s")


def latency(stack: Stack, reader: AlertReader) -> float:
    """Return the seconds from a ``PutRecord`` of one SUV to its event."""
    suv = uuid.uuid4().hex
    began = time.monotonic()
    put(stack, [{"year": 2021, "make": "Volvo", "model": suv, "category": "SUV"}])
    while not reader.saw({suv}):
        if time.monotonic() - began > _DEADLINE_SECONDS:
            raise SystemExit("an alert was not seen")
        time.sleep(0.005)
    return reader.seen_at[suv] - began


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=10_000, help="records per run (default: %(default)s)")
    parser.add_argument("--runs", type=int, default=3, help="runs (default: %(default)s)")
    parser.add_argument("--alerts", type=int, default=50, help="alerts to time (default: %(default)s)")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        tempfile.TemporaryDirectory() as other_folder,
        tempfile.TemporaryDirectory() as notes,
        running_stack(Path(folder)) as stack,
        running_stack(Path(other_folder)) as other_stack,
        Client(stack.base_url) as client,
    ):
        empty = EmptyPipeline(other_stack, Path(notes))
        client.log_in("admin", stack.users["admin"])
        reader = AlertReader(stack.base_url, str(client.headers["Authorization"]).removeprefix("Bearer "))
        throughput(stack, client, reader, _MAX_RECORDS_PER_CALL)  # warm up every function
        empty.throughput(_MAX_RECORDS_PER_CALL)
        rates = [
            (throughput(stack, client, reader, options.records), empty.throughput(options.records))
            for _ in range(options.runs)
        ]
        waits = sorted(latency(stack, reader) for _ in range(options.alerts))
        reader.close()
    show(options.records, rates, waits)


def show(records: int, rates: Sequence[tuple[float, float]], waits: Sequence[float]) -> None:
    """Print the table."""
    table = Table("what", "result", title="The pipeline on the local emulator")
    ours, empty = zip(*rates, strict=True)
    for what, each in ((f"{records} records indexed, counted and alerted", ours), ("with empty functions", empty)):
        runs = ", ".join(f"{rate:.0f}" for rate in each)
        table.add_row(what, f"{statistics.median(each):.0f} a second ({runs})")
    ratio = statistics.median(mine / theirs for mine, theirs in rates)
    table.add_row("ours compared with empty functions, median of the pairs", f"{ratio:.2f}")
    table.add_row(f"an SUV's PutRecord to its event, p50 of {len(waits)}", f"{statistics.median(waits):.2f} s")
    table.add_row("p99", f"{waits[min(len(waits) - 1, int(len(waits) * 0.99))]:.2f} s")
    table.add_row("slowest", f"{waits[-1]:.2f} s")
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
