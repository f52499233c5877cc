"""``make bench-lists``: how long lists take on the emulator as their tables grow.

The emulator, unlike DynamoDB, evaluates a query over its whole partition, so this says what a local system is good for,
and nothing of AWS. Each size has a system of its own, with the items of ``bench_growth`` written to its tables.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from runner.local.system import running_stack
from runner.stack import Stack
from sitewatch.delivery import chunks
from tests.integration.client import Client
from tests.load.bench_growth import CASES, SPACINGS, Case, Times

SIZES = (1_000, 10_000, 100_000)
_CALLS = 20
_MAX_ITEMS_PER_CALL = 25

# The partitions of each list: table, index and key.
_DETECTIONS = (
    ("DetectionsTable", "by_time", "0#"),
    *(("DetectionCountsTable", None, key) for key in ("make", "months", "months#make#make 0", "hours", "minutes")),
)
_DATA_POINTS = (("DataPointsTable", "all_by_time", "all"), ("DataPointCountsTable", None, "all"))
STORED: Mapping[str, Sequence[tuple[str, str | None, str]]] = {
    "detections": _DETECTIONS,
    "detections of a make": _DETECTIONS,
    "detections, skip half": _DETECTIONS,
    "stats": _DETECTIONS,
    "data points": _DATA_POINTS,
    "data points, skip half": _DATA_POINTS,
    "events": (("EventsTable", "by_time", "0#"),),
    "users": (("UsersTable", "by_creation", "user"),),
    "audit log": (("AuditTable", None, "audit"),),
    "messages": (("MessagesTable", None, ""),),
}


def fill(stack: Stack, cases: Sequence[Case], size: int) -> None:
    """Write the items of the cases, each partition once, with no function that follows the tables' streams."""
    functions, dynamodb = stack.client("lambda"), stack.client("dynamodb")
    for mapping in functions.list_event_source_mappings()["EventSourceMappings"]:
        functions.delete_event_source_mapping(UUID=mapping["UUID"])
    written = set()
    for case in cases:
        times = Times(size, SPACINGS[case.spacings[0]])
        for table, index, key in STORED[case.name]:
            if (table, key) in written:
                continue
            written.add((table, key))
            name = stack.resource(table, "AWS::DynamoDB::Table")
            partition = case.find(times, table, index, key)
            for items in chunks((partition[n] for n in range(len(partition))), max_entries=_MAX_ITEMS_PER_CALL):
                refused = dynamodb.batch_write_item(
                    RequestItems={name: [{"PutRequest": {"Item": item}} for item in items]}
                )
                if refused.get("UnprocessedItems"):
                    raise SystemExit("the emulator refused items")


def milliseconds(client: Client, case: Case, size: int) -> float:
    """The median time of a call, after one that warms its function up."""
    query = case.query_of(Times(size, SPACINGS[case.spacings[0]]))
    took = []
    for _ in range(_CALLS + 1):
        began = time.perf_counter()
        answer = client.get(case.resource, params=dict(query))
        took.append(time.perf_counter() - began)
        answer.raise_for_status()
    return statistics.median(took[1:]) * 1000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="items in each list (default: %(default)s)")
    sizes: Sequence[int] = parser.parse_args().sizes
    cases = [case for case in CASES if case.name in STORED]
    columns = []
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder, running_stack(Path(folder)) as stack:
            fill(stack, cases, size)
            client = Client(stack.base_url)
            client.log_in(*stack.admin)
            columns.append([milliseconds(client, case, size) for case in cases])
    table = Table("what", *(f"{size:,}" for size in sizes), title="Milliseconds on the emulator")
    for case, *row in zip(cases, *columns, strict=True):
        table.add_row(case.name, *(f"{each:.0f}" for each in row))
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
