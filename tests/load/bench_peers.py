"""``make bench-peers``: ``GET /detections`` and the stream, beside the same in other tools (``tests/load/peers``).

Each measurement is a fresh process between two of ours, because the machine's speed varies. Times are processor times:
of the import and of the first answer, both from the start of the process, and of a warm call. Behind all of them is the
same stand-in for DynamoDB, with a detection a minute for a year. Peers have their packages as pip installs them; the
plain function is measured with our layer too, whose botocore is trimmed.
"""

import argparse
import base64
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.load.bench_growth import CASES, LAST, Times
from tests.load.capacity import Item
from tests.load.fresh import PEERS_LOCK, Compared, Function, Run, build_functions, compare, installed, run, signing
from tests.load.standin import answering
from tests.world.calling import access_token, api_event
from tests.world.calling import read as read_answer

PEERS = {
    "plain": "plain",
    "Powertools, boto3": "powertools_boto3",
    "Chalice, boto3": "chalice_boto3",
    "Litestar, Mangum, boto3": "litestar_mangum",
    "FastAPI, Mangum, boto3": "fastapi_mangum",
}
PAGE = 100
RECORDS = 500
WARM_CALLS = 100
_YEAR = Times(365 * 24 * 60, timedelta(minutes=1))


def year(table: str, index: str | None, key: str) -> Sequence[Item]:
    """The partitions of the tables with a year of detections; other tables are empty."""
    return CASES[0].find(_YEAR, table, index, key) if table in {"DetectionsTable", "DetectionCountsTable"} else []


def request(**query: str) -> dict[str, Any]:
    """``GET /detections`` with a token."""
    return api_event("GET", "/detections", query={"limit": str(PAGE), **query}, token=access_token())


def check(ours: Function, peer: Function, url: str) -> None:
    """Compare two pages of a peer with ours, and see that it needs a token."""
    pages = []
    for function in (ours, peer):
        first = read_answer(run(function, url).answer)
        following = replace(function, request=partial(request, **(first.next_query or {})))
        pages.append([_detections(first.json), _detections(read_answer(run(following, url).answer).json)])
    assert pages[0] == pages[1], peer
    assert [len(page) for page in pages[0]] == [PAGE, PAGE]
    anonymous = replace(peer, request=lambda: {**request(), "headers": {}, "multiValueHeaders": {}})
    assert read_answer(run(anonymous, url).answer).status in {401, 403}, peer


def _detections(items: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{**item, "created_at": datetime.fromisoformat(item["created_at"])} for item in items]


def batches() -> tuple[dict[str, Any], dict[str, Any]]:
    """Events of Kinesis and of the table's stream with the same number of records, all of them suspicious."""
    kinesis, changes = [], []
    for number in range(RECORDS):
        report = {
            "id": f"gate-{number}",
            "year": 2021,
            "make": f"Make {number % 5}",
            "model": "XC60",
            "category": "SUV",
            "created_at": (LAST - timedelta(seconds=number)).isoformat(),
        }
        record = {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": report["id"],
            "sequenceNumber": f"{number:056}",
            "data": base64.b64encode(json.dumps(report).encode()).decode(),
            "approximateArrivalTimestamp": LAST.timestamp(),
        }
        kinesis.append({"eventID": f"shardId-0:{number:056}", "eventSource": "aws:kinesis", "kinesis": record})
        item = {**year("DetectionsTable", None, "")[number], "suspicious": {"BOOL": True}}
        changes.append({"eventName": "INSERT", "dynamodb": {"SequenceNumber": f"{number:021}", "NewImage": item}})
    return {"Records": kinesis}, {"Records": changes}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="fresh processes per function (default: %(default)s)")
    rounds = parser.parse_args().rounds
    with signing(), tempfile.TemporaryDirectory() as folder, answering(year) as url:
        path = build_functions(Path(folder))
        code, _, layer = path
        ours = Function("detections.get_detections", path, request)
        theirs = (code, installed(PEERS_LOCK))
        peers = {"plain, our layer": Function("tests.load.peers.plain", (code, layer), request)}
        peers |= {name: Function(f"tests.load.peers.{module}", theirs, request) for name, module in PEERS.items()}
        for peer in peers.values():
            check(ours, peer, url)
        show("GET /detections, a page of 100", *compare(ours, peers, url, rounds=rounds, calls=WARM_CALLS))
        kinesis, changes = batches()
        show_stream(
            {
                "index": run(Function("detections.on_stream_index", path, lambda: kinesis), url, calls=rounds),
                "count and publish": run(
                    Function("detections.on_table_change", path, lambda: changes), url, calls=rounds
                ),
            },
            run(Function("tests.load.peers.batch", theirs, lambda: kinesis), url, calls=rounds),
        )


def show(title: str, ours: Run, theirs: Mapping[str, Compared]) -> None:
    """Print a table: processor time in milliseconds, and how many times theirs ours takes."""
    table = Table("function", "import", "ours", "first answer", "ours", "warm call", "ours", title=title)
    table.add_row("Sitewatch", f"{ours.imported:.0f}", "", f"{ours.first:.0f}", "", f"{ours.warm:.2f}", "")
    for name, each in theirs.items():
        own, ratio = each.own, each.ratio
        cells = [f"{own.imported:.0f}", f"{ratio.imported:.2f}", f"{own.first:.0f}", f"{ratio.first:.2f}"]
        table.add_row(name, *cells, f"{own.warm:.2f}", f"{ratio.warm:.2f}")
    Console(width=110).print(table)


def show_stream(ours: Mapping[str, Run], theirs: Run) -> None:
    """Print the processor time of a warm batch."""
    table = Table("500 records, all suspicious", "ms", "ours", title="The stream: a warm batch")
    for name, each in ours.items():
        table.add_row(f"Sitewatch: {name}", f"{each.warm:.0f}", "")
    total = sum(each.warm for each in ours.values())
    table.add_row("Sitewatch: both", f"{total:.0f}", "")
    table.add_row("BatchProcessor: a put and a publish each", f"{theirs.warm:.0f}", f"{total / theirs.warm:.2f}")
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
