"""``make costs``: run real handlers on moto, count their usage, and write the costs of a month into docs/costs.md.

Each flow goes from where it enters the system to where it ends. docs/prices.json has the prices and assumptions.
"""

import io
import json
import re
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from datetime import timedelta
from decimal import Decimal
from itertools import cycle, islice
from typing import Any
from unittest.mock import patch

from botocore.client import BaseClient
from moto.dynamodb.models import dynamodb_backends

import tests.world.settings  # noqa: F401 - first: functions read their settings at import
from detections.catalogue import vehicles
from sitewatch import clock, ids
from sitewatch.observability import logger
from tests.load.capacity import KIB, Item, blocks, item_size, key_of, read_units, stored_bytes, write_units
from tests.world import jobs
from tests.world.aws import new_world
from tests.world.calling import Context, api_event, handler_of, read
from tests.world.environment import ACCOUNT
from tests.world.pipeline import ARRIVAL, Record
from tests.world.template import ROOT, read_template, resources, routes, template

PAGE = ROOT / "docs" / "costs.md"
BEGIN, END = "<!-- make costs writes from here -->", "<!-- to here -->"
PRICE_FILE = json.loads((ROOT / "docs" / "prices.json").read_text(encoding="utf-8"), parse_float=Decimal)
PRICES: Mapping[str, Mapping[str, Any]] = PRICE_FILE["prices"]
ASSUMED = {name: float(each["value"]) for name, each in PRICE_FILE["assumptions"].items()}

ALARM = "AWS::CloudWatch::Alarm"
MONTHLY, SAMPLES, WARM_UP = 1_000_000, 300, 10
REQUEST_BYTES = 64_000
"""SQS and SNS bill a request for every 64 KB."""
POLLS = 2
"""Requests of Lambda's poller for each batch of a queue: it receives, and it deletes."""
LOG_OVERHEAD = 26
"""Bytes billed for every log line in addition to its own."""


class Meter:
    """Invokes handlers and counts their usage: `usage` has the amounts by the names of their prices."""

    def __init__(self) -> None:
        self.usage: defaultdict[str, float] = defaultdict(float)
        self.metrics: set[str] = set()

    def invoke(self, handler: str, event: Mapping[str, Any]) -> Any:
        """Call a handler, given by its name in the template, and return its answer.

        It is billed for its processor time, on the share of a processor that its memory gives, and a round trip for
        each call.
        """
        run, context, output = handler_of(handler), Context(), io.StringIO()
        send, waits = BaseClient._make_api_call, list[float]()  # type: ignore[attr-defined]

        def call(client: BaseClient, operation: str, parameters: dict[str, Any]) -> Any:
            began = time.process_time()
            try:
                return self._call(lambda: send(client, operation, dict(parameters)), operation, parameters)
            finally:
                waits.append(time.process_time() - began)

        stream = logger.registered_handler.setStream(output)  # type: ignore[attr-defined]
        try:
            with patch.object(BaseClient, "_make_api_call", call), redirect_stdout(output):
                began = time.process_time()
                answer = run(event, context)
                processor_seconds = time.process_time() - began - sum(waits)
        finally:
            logger.registered_handler.setStream(stream)  # type: ignore[attr-defined]
        memory_mb = _memory_mb(handler)
        seconds = processor_seconds / min(memory_mb / ASSUMED["memory_mb_of_one_processor"], 1)
        seconds += len(waits) * ASSUMED["round_trip_ms"] / 1000
        self.usage["lambda_requests"] += 1
        self.usage["lambda_gb_seconds"] += seconds * memory_mb / 1024
        self.usage["traces"] += 1  # X-Ray records the first request of each second: at this rate nearly all
        self.usage["log_bytes"] += sum(len(line.encode()) + LOG_OVERHEAD for line in output.getvalue().splitlines())
        self.metrics |= set(re.findall(r'"Name": ?"(\w+)", ?"Unit"', output.getvalue()))
        return answer

    def request(self, method: str, resource: str, **asked: Any) -> None:
        """Make one request over HTTP. Raises AssertionError if the response is an error, which has another price."""
        answer = read(self.invoke(routes()[method, resource], api_event(method, resource, **asked)))
        assert answer.status < 300, answer.text
        headers = sum(len(f"{name}: {value}\r\n") for name, value in answer.headers.items())
        self.usage["api_requests"] += 1
        self.usage["bytes_out"] += len(answer.text.encode()) + headers

    def _call(self, send: Callable[[], Any], operation: str, parameters: Mapping[str, Any]) -> Any:
        """Make a function's call and count it. Raises ValueError if its price is not known here."""
        writes = _writes(operation, parameters)
        old = [_stored(table, key) for table, key in writes]
        try:
            answer = send()
        finally:  # a write whose condition fails is billed too
            for (table, key), before in zip(writes, old, strict=True):
                after, transaction = _stored(table, key), operation == "TransactWriteItems"
                self.usage["dynamodb_write_units"] += write_units(table, before, after, transaction=transaction)
                self.usage["dynamodb_stored_bytes"] += stored_bytes(table, after) - stored_bytes(table, before)
        match operation:
            case "PutItem" | "UpdateItem" | "TransactWriteItems" | "BatchWriteItem":
                pass
            case "GetItem" | "Query":
                size = sum(item_size(item) for item in answer.get("Items") or [answer.get("Item")])
                self.usage["dynamodb_read_units"] += read_units(size, parameters)
            case "BatchGetItem":
                for table, asked in parameters["RequestItems"].items():
                    units = (read_units(item_size(_stored(table, key)), asked) for key in asked["Keys"])
                    self.usage["dynamodb_read_units"] += sum(units)
            case "SendMessage":
                self.usage["sqs_requests"] += blocks(len(parameters["MessageBody"].encode()), REQUEST_BYTES)
            case "PublishBatch":
                size = sum(len(each["Message"].encode()) for each in parameters["PublishBatchRequestEntries"])
                self.usage["sns_requests"] += blocks(size, REQUEST_BYTES)
            case _:
                raise ValueError(operation)
        return answer


def _memory_mb(handler: str) -> int:
    (function,) = (each for each in resources("AWS::Serverless::Function").values() if each["Handler"] == handler)
    return int(function.get("MemorySize", template()["Globals"]["Function"]["MemorySize"]))


def _writes(operation: str, parameters: Mapping[str, Any]) -> list[tuple[str, Item]]:
    """The table and key of every item that a call writes."""
    bodies: list[Mapping[str, Any]] = []
    if operation in ("PutItem", "UpdateItem"):
        bodies = [parameters]
    elif operation == "TransactWriteItems":
        bodies = [body for part in parameters["TransactItems"] for body in part.values()]
    elif operation == "BatchWriteItem":
        tables = parameters["RequestItems"].items()
        bodies = [{"TableName": name, **body} for name, parts in tables for part in parts for body in part.values()]
    return [(body["TableName"], key_of(body["TableName"], body.get("Item") or body["Key"])) for body in bodies]


def _stored(table: str, key: Item) -> Item | None:
    found = dynamodb_backends[ACCOUNT]["us-east-1"].get_item(table, dict(key))
    return dict(found.to_json()["Attributes"]) if found else None


def detections(meter: Meter, number: int, batch: int) -> None:
    """Records of cameras, a second apart, from the stream to the sums, the list and the alerts."""
    records = [
        Record.of(
            n, {**vehicle, "id": ids.new_id(), "source": "gate", "created_at": clock.format_time(at)}, arrived_at=at
        )
        for n, vehicle in enumerate(islice(cycle(vehicles()), number))
        for at in [ARRIVAL + timedelta(seconds=n)]
    ]
    for first in range(0, number, batch):
        part = records[first : first + batch]
        for stage in ("kinesis_bytes_in", "kinesis_bytes_out"):
            meter.usage[stage] += sum(blocks(len(record.data), KIB) * KIB for record in part)
        changes: Any = dynamodb_backends[ACCOUNT]["us-east-1"].tables["DetectionsTable"].stream_shard
        known = len(changes.items)
        meter.invoke("detections.on_stream_index.handler", {"Records": [record.event() for record in part]})
        new = [change.to_json() for change in changes.items[known:]]
        meter.invoke("detections.on_table_change.handler", {"Records": new, "shardId": "shard-0"})
        alerts = jobs.take("AlertsQueue")
        meter.usage["sqs_requests"] += len(alerts)  # SNS sends each
        for waiting in jobs.batches(alerts):
            meter.invoke("alerts.on_queue_record.handler", {"Records": waiting})
            meter.usage["sqs_requests"] += POLLS


def messages(meter: Meter, number: int, batch: int) -> None:
    """Texts from POST /messages to the notifications of both users."""
    sender, token = jobs.add_user()
    recipient, _ = jobs.add_user()
    body = jobs.text_to(recipient, sender, "The north gate is open: two cars wait outside.")
    for _ in range(0, number, batch):
        for _ in range(batch):
            meter.request("POST", "/messages", body=body, token=token)
        for part in jobs.batches(jobs.take(), batch):
            assert meter.invoke("jobs.on_queue_work.handler", {"Records": part}) == {"batchItemFailures": []}
            meter.usage["sqs_requests"] += POLLS


def readings(meter: Meter, number: int, _batch: int) -> None:
    """Readings of ten doors, a minute apart, by POST /api/webhook."""
    for n in range(number):
        ts = (ARRIVAL + timedelta(minutes=n // 10)).isoformat()
        body = {"sensor": f"door-{n % 10}", "ts": ts, "in_count": n % 4, "out": n % 3}
        meter.request("POST", "/api/webhook", body=body)


FLOWS: Mapping[str, tuple[Callable[[Meter, int, int], None], int]] = {
    "detections, one at a time": (detections, 1),
    "detections, 100 at a time": (detections, 100),
    "messages, one at a time": (messages, 1),
    "messages, 10 at a time": (messages, 10),
    "readings": (readings, 1),
}
"""Each sends a number of something through the system in batches of a size."""


def measure(name: str, samples: int = SAMPLES, warm_up: int = WARM_UP) -> tuple[dict[str, float], set[str]]:
    """The usage of one item of a flow, and the names of its metrics, starting from an empty world."""
    flow, batch = FLOWS[name]
    flow(Meter(), warm_up * batch, batch)
    meter = Meter()
    flow(meter, samples, batch)
    return {name: amount / samples for name, amount in meter.usage.items()}, meter.metrics


def fixed(metrics: int) -> dict[str, float]:
    """The fixed usage of a month, from the production template."""
    mappings = [
        each["Properties"]["EventSourceArn"]["Fn::GetAtt"].partition(".")[0]
        for each in template()["Resources"].values()
        if each["Type"] == "AWS::Lambda::EventSourceMapping" and each.get("Condition") != "HasSimulator"
    ]
    polls = ASSUMED["hours_a_month"] * 3600 / ASSUMED["idle_poll_seconds"] * ASSUMED["idle_pollers"]
    alarms = [each for each in read_template("monitoring.yaml")["Resources"].values() if each["Type"] == ALARM]
    return {
        "kinesis_stream_hours": ASSUMED["hours_a_month"] * len(resources("AWS::Kinesis::Stream")),
        "sqs_requests": polls * len([source for source in mappings if source in resources("AWS::SQS::Queue")]),
        "secrets": len(resources("AWS::SecretsManager::Secret")),
        "alarm_metrics": sum(metrics_of(alarm["Properties"]) for alarm in alarms),
        "metrics": metrics,
    }


def metrics_of(alarm: Mapping[str, Any]) -> int:
    """The number of metrics that an alarm watches. Each is billed, also those that a Metrics Insights query groups."""
    parts = alarm.get("Metrics", [])
    queries = [part.get("Expression", "").partition(" GROUP BY ")[2].partition(" ORDER BY ")[0] for part in parts]
    tables = resources("AWS::DynamoDB::Table").values()
    groups = {
        "FunctionName": len(resources("AWS::Serverless::Function")),
        "function_name": len(resources("AWS::Serverless::Function")),
        "TableName": len(tables),
        "GlobalSecondaryIndexName, TableName": sum(len(table.get("GlobalSecondaryIndexes", [])) for table in tables),
        "RuleName": str(template()["Resources"]).count("'Type': 'Schedule'"),
    }
    listed = sum("MetricStat" in part for part in parts)
    return listed + sum(groups[group] for group in queries if group) or 1


def cost(usage: Mapping[str, float]) -> dict[str, Decimal]:
    """Dollars by service. Raises KeyError for an amount without a price."""
    dollars = {price["service"]: Decimal(0) for price in PRICES.values()}
    for name, amount in usage.items():
        dollars[PRICES[name]["service"]] += Decimal(PRICES[name]["usd"]) / PRICES[name]["per"] * Decimal(str(amount))
    return dollars


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def tables() -> str:
    """The generated part of the page."""
    uses, metrics = {}, set[str]()
    for name in FLOWS:
        with new_world():
            uses[name], own_metrics = measure(name)
        metrics |= own_metrics
    costs = [cost({name: amount * MONTHLY for name, amount in use.items()}) for use in uses.values()]
    costs.append(cost(fixed(len(metrics))))
    dollars = [[service, *(f"{column[service]:,.2f}" for column in costs)] for service in costs[0]]
    dollars.append(["**together**", *(f"**{sum(column.values()):,.2f}**" for column in costs)])
    used = [name for name in PRICES if any(name in use for use in uses.values())]
    amounts = [[name, *(f"{use.get(name, 0):.4g}" for use in uses.values())] for name in used]
    source = f"Prices of {PRICE_FILE['as_of']} in {PRICE_FILE['region']}. {PRICE_FILE['status']}"
    return "\n\n".join(
        [source, _table(["", *uses, "fixed"], dollars), "What one of each uses:", _table(["", *uses], amounts)]
    )


def main() -> None:
    """Measure, and write the page's generated part."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n\n{tables()}\n\n{END}{rest.partition(END)[2]}", encoding="utf-8")
    print(f"Wrote {PAGE.relative_to(ROOT)}.")  # noqa: T201


if __name__ == "__main__":
    main()
