"""The rate at which records become detections, sums and alerts, and the time until a client gets an alert.

``make bench-pipeline`` prints a table. It starts its own system, puts records on its stream and polls over HTTP as a
client does: /stats shows what is indexed and counted, /alerts what is alerted.
"""

import argparse
import json
import random
import statistics
import tempfile
import threading
import time
import uuid
from collections.abc import Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from detections.catalogue import vehicles
from runner.local.system import running_stack
from runner.stack import Stack
from tests.integration.client import Client

_MAX_RECORDS_PER_CALL = 500
_DEADLINE_SECONDS = 300.0
_POLL_SECONDS = 0.25


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
    chosen = random.choices(vehicles(), k=count)
    records = [{**vehicle, "model": uuid.uuid4().hex} for vehicle in chosen]
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
        running_stack(Path(folder)) as stack,
        Client(stack.base_url) as client,
    ):
        client.log_in("admin", stack.users["admin"])
        reader = AlertReader(stack.base_url, str(client.headers["Authorization"]).removeprefix("Bearer "))
        throughput(stack, client, reader, _MAX_RECORDS_PER_CALL)  # warm up every function
        rates = [throughput(stack, client, reader, options.records) for _ in range(options.runs)]
        waits = sorted(latency(stack, reader) for _ in range(options.alerts))
        reader.close()
    show(options.records, rates, waits)


def show(records: int, rates: Sequence[float], waits: Sequence[float]) -> None:
    """Print the table."""
    table = Table("what", "result", title="The pipeline on the local emulator")
    each = ", ".join(f"{rate:.0f}" for rate in rates)
    table.add_row(
        f"{records} records indexed, counted and alerted", f"{statistics.median(rates):.0f} a second ({each})"
    )
    table.add_row(f"an SUV's PutRecord to its event, p50 of {len(waits)}", f"{statistics.median(waits):.2f} s")
    table.add_row("p99", f"{waits[min(len(waits) - 1, int(len(waits) * 0.99))]:.2f} s")
    table.add_row("slowest", f"{waits[-1]:.2f} s")
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
