"""What Sitewatch costs a month: ``make costs`` runs real handlers, counts what they use, and writes docs/costs.md.

Each flow is walked on moto from where it enters the system to where it ends, and what its functions use is counted call
by call (``tests/load/metering.py``). Prices and what is assumed are in docs/prices.json.
"""

import os
import platform
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from itertools import cycle, islice
from typing import Any

from tests.world.environment import environment

# The functions read their settings when they are imported. (The unit tests have them already, and a key besides.)
if "TOKEN_PUBLIC_KEYS" not in os.environ:
    os.environ.update(environment())


from detections import on_table_count, on_table_publish
from detections.catalogue import vehicles
from sitewatch import clock, ids
from tests.load.metering import Meter, kinesis_bytes, memory_mb
from tests.load.pricing import SERVICES, Prices
from tests.world import instance, jobs
from tests.world.aws import new_world
from tests.world.calling import Context, api_event, handler_of, read
from tests.world.faults import Wire
from tests.world.pipeline import ARRIVAL, Pipeline, Record
from tests.world.template import ROOT, resources, routes, template

DOCUMENT = ROOT / "docs" / "costs.md"
MONTHLY = 1_000_000
SAMPLES = 300
WARM_UP = 10
ALARM = re.compile(r"^ +Type: AWS::CloudWatch::Alarm$", re.MULTILINE)
POLLS = 2
"""Calls that Lambda's poller makes for each batch of a queue: a ReceiveMessage, and a delete of the batch."""


@dataclass(frozen=True, slots=True)
class Flow:
    """A million of something: `walk(meter, n, batch)` sends `n` of them through the system."""

    name: str
    walk: Callable[[Meter, int, int], None]
    batch: int


class Metered(Pipeline):
    """The engine of the unit tests, with each invocation metered."""

    def __init__(self, meter: Meter) -> None:
        super().__init__(Wire(), table_shards=1)
        self.meter = meter

    def invoke(self, handler: Callable[[Any, Any], Any], event: Mapping[str, Any]) -> Any:
        return invoke(self.meter, f"{handler.__module__}.handler", event)

    def takes(self, handler: Callable[[Any, Any], Any], event: Mapping[str, Any]) -> bool:
        self.invoke(handler, event)
        return True


def invoke(meter: Meter, handler: str, event: Mapping[str, Any]) -> Any:
    """One metered invocation. Each is a trace: X-Ray takes the first of each second, at this rate nearly all."""
    function, context = handler_of(handler), Context()
    with meter.invocation(handler):
        answer = function(event, context)
    meter.usage["traces"] += 1
    return answer


def request(meter: Meter, method: str, resource: str, **asked: Any) -> Any:
    """One metered request over HTTP.

    Raises AssertionError where it is refused: a refusal costs another price.
    """
    answer = read(invoke(meter, routes()[method, resource], api_event(method, resource, **asked)))
    assert answer.status < 300, answer.text
    meter.usage["api_requests"] += 1
    headers = sum(len(f"{name}: {value}\r\n") for name, value in answer.headers.items())
    meter.usage["bytes_out"] += len(answer.text.encode()) + headers
    return answer


def detections(meter: Meter, number: int, batch: int) -> None:
    """Records of cameras, a second apart, from the stream to the sums, the list and the alerts."""
    engine = Metered(meter)
    engine.changes()  # what is there already has been carried on
    seen = islice(cycle(vehicles()), number)
    records = [
        Record.of(n, {**vehicle, "id": ids.new_id(), "created_at": clock.spell(ARRIVAL + timedelta(seconds=n))})
        for n, vehicle in enumerate(seen)
    ]
    for first in range(0, number, batch):
        part = records[first : first + batch]
        size = sum(kinesis_bytes(record.data) for record in part)
        meter.usage["kinesis_bytes_in"] += size
        meter.usage["kinesis_bytes_out"] += size
        engine.index(part)
        for shard, changes in engine.changes().items():
            for handler in (on_table_count.handler, on_table_publish.handler):
                engine.follow(handler, shard, changes, sizes=iter(()), rewinds=iter(()))
        engine.receive()
        for start in range(0, len(engine.waiting), 10):
            assert engine.record(engine.waiting[start : start + 10])
            meter.usage["sqs_requests"] += POLLS
        meter.usage["sqs_requests"] += len(engine.waiting)  # SNS's deliveries
        engine.waiting.clear()


def messages(meter: Meter, number: int, batch: int) -> None:
    """Texts from POST /messages to the notifications of both users."""
    sender, token = jobs.add_user()
    recipient, _ = jobs.add_user()
    body = jobs.text_to(recipient, sender, "The north gate is open: two cars wait outside.")
    for _ in range(0, number, batch):
        for _ in range(batch):
            request(meter, "POST", "/messages", body=body, token=token)
        for part in jobs.batches(jobs.take(), batch):
            assert invoke(meter, "jobs.on_queue_work.handler", {"Records": part}) == {"batchItemFailures": []}
            meter.usage["sqs_requests"] += POLLS


def readings(meter: Meter, number: int, _batch: int) -> None:
    """Readings of ten doors, a minute apart, by POST /api/webhook."""
    for n in range(number):
        ts = clock.spell(ARRIVAL + timedelta(minutes=n // 10))
        body = {"sensor": f"door-{n % 10}", "ts": ts, "in_count": n % 4, "out": n % 3}
        request(meter, "POST", "/api/webhook", body=body)


FLOWS = (
    Flow("detections, one at a time", detections, 1),
    Flow("detections, 100 at a time", detections, 100),
    Flow("messages, one at a time", messages, 1),
    Flow("messages, 10 at a time", messages, 10),
    Flow("readings", readings, 1),
)


def measure(flow: Flow, prices: Prices, samples: int = SAMPLES) -> tuple[dict[str, float], Meter]:
    """What one of a flow uses, and the meter that says it; the first few are not counted, to be warm.

    The mock's world is there, and empty.
    """
    samples = max(samples // flow.batch, 1) * flow.batch
    with Meter() as warm:
        flow.walk(warm, WARM_UP * flow.batch, flow.batch)
    with Meter() as meter:
        flow.walk(meter, samples, flow.batch)
    for handler, times in meter.invocations.items():
        memory = memory_mb(handler)
        each = prices.billed_seconds(meter.processor_seconds[handler] / times, meter.calls[handler] / times, memory)
        meter.usage["lambda_gb_seconds"] += each * times * memory / 1024
    return {name: amount / samples for name, amount in meter.usage.items()}, meter


def standing(prices: Prices, metrics: int) -> dict[str, float]:
    """What a month takes in which nothing happens, by the template as it is deployed to production."""
    assumed = prices.assumptions
    mappings = [
        mapping["Properties"]
        for mapping in template()["Resources"].values()
        if mapping["Type"] == "AWS::Lambda::EventSourceMapping" and mapping.get("Condition") != "HasSimulator"
    ]
    queues = [
        mapping
        for mapping in mappings
        if mapping["EventSourceArn"]["Fn::GetAtt"].partition(".")[0] in resources("AWS::SQS::Queue")
    ]
    polls = assumed["hours_a_month"] * 3600 / assumed["idle_poll_seconds"] * assumed["idle_pollers"]
    return {
        "kinesis_stream_hours": assumed["hours_a_month"] * len(resources("AWS::Kinesis::Stream")),
        "sqs_requests": polls * len(queues),
        "secrets": len(resources("AWS::SecretsManager::Secret")),
        # The alarms of production are in a template of their own.
        "alarms": sum(len(ALARM.findall(file.read_text(encoding="utf-8"))) for file in ROOT.glob("*.yaml")),
        "metrics": metrics,
    }


def money(dollars: Decimal) -> str:
    """Dollars and cents."""
    return f"{dollars:,.2f}"


def table(columns: Mapping[str, Mapping[str, Decimal]]) -> list[str]:
    """A Markdown table of dollars: a line for each service, a column for each flow."""
    rows = [f"| | {' | '.join(columns)} |", f"|---|{'---:|' * len(columns)}"]
    rows += [
        f"| {service} | {' | '.join(money(column[service]) for column in columns.values())} |" for service in SERVICES
    ]
    totals = [money(sum(column.values(), Decimal(0))) for column in columns.values()]
    return [*rows, f"| **together** | {' | '.join(f'**{total}**' for total in totals)} |"]


def amounts(uses: Mapping[str, Mapping[str, float]]) -> list[str]:
    """A Markdown table of what one of each takes."""
    names = [name for names in SERVICES.values() for name in names if any(use.get(name) for use in uses.values())]
    rows = [f"| of each | {' | '.join(uses)} |", f"|---|{'---:|' * len(uses)}"]
    return rows + [f"| {name} | {' | '.join(f'{use.get(name, 0):.4g}' for use in uses.values())} |" for name in names]


def functions(meters: Mapping[str, Meter], prices: Prices) -> list[str]:
    """A Markdown table of every function's invocations."""
    rows = ["| flow | function | MB | calls | own processor time, ms | billed, ms |", "|---|---|---:|---:|---:|---:|"]
    for flow, meter in meters.items():
        for handler, times in meter.invocations.items():
            own, calls = meter.processor_seconds[handler] / times, meter.calls[handler] / times
            memory = memory_mb(handler)
            billed = prices.billed_seconds(own, calls, memory)
            name = handler.removesuffix(".handler")
            rows.append(f"| {flow} | `{name}` | {memory} | {calls:.2g} | {own * 1000:.1f} | {billed * 1000:.0f} |")
    return rows


def document(samples: int = SAMPLES) -> str:
    """The whole page."""
    prices = Prices.read()
    uses, meters = {}, {}
    for flow in FLOWS:
        instance.forget()
        with new_world():
            uses[flow.name], meters[flow.name] = measure(flow, prices, samples)
    instance.forget()
    monthly = {
        name: prices.cost({unit: amount * MONTHLY for unit, amount in use.items()}) for name, use in uses.items()
    }
    metrics = len(set().union(*(meter.metrics for meter in meters.values())))
    idle = prices.cost(standing(prices, metrics))
    return "\n".join(
        [
            "# What it costs",
            "",
            f"US dollars a month for **a million** of each, in {prices.region}.",
            f"Prices are [prices.json](prices.json)'s, of {prices.as_of}; `make costs` writes this page.",
            "",
            prices.status,
            "",
            *table(monthly),
            "",
            "And for a month in which nothing happens:",
            "",
            *(f"- {service}: {money(dollars)}" for service, dollars in idle.items() if dollars),
            f"- together: **{money(sum(idle.values(), Decimal(0)))}**",
            "",
            *NOTES,
            "",
            "## What one of each takes",
            "",
            f"Counted over about {samples} of each, by real handlers on moto, after a few to warm up;",
            "stored bytes are what one adds, indexes included.",
            "",
            *amounts(uses),
            "",
            "## Functions",
            "",
            f"Python {platform.python_version()} on {platform.machine()}. Other work on the machine moves these times,",
            "and with them Lambda's line alone. Per invocation:",
            "",
            *functions(meters, prices),
            "",
        ]
    )


NOTES = (
    "- **The size of a batch decides.** A million records spread evenly over a month come one at a time, and each then",
    "  is an invocation of every function and a transaction of its sums. What comes in bursts shares them.",
    "- Billed time is a function's own processor time, on the part of a processor that its memory gives it, and a",
    "  round trip for each call: `assumptions` in the price file says which. Cold starts are not in it.",
    "- Writes count the indexes' entries, and transactions twice. Reads of a DynamoDB stream by Lambda are free.",
    "- Every invocation is counted as a recorded trace; X-Ray samples, so that busy sites pay less.",
    "- Storage is a month's worth of what the flow leaves behind; what stays is paid for again each month.",
    "- Not in it: reading (lists, `/alerts`, the dashboard), `Idempotency-Key` (two writes and a read a request), the",
    "  sender of sample events and the schedules, backups and point-in-time recovery, WAF, and KMS.",
)


def main() -> None:
    """Measure, write the page, and say where it is."""
    DOCUMENT.write_text(document(), encoding="utf-8")
    print(f"{DOCUMENT.relative_to(ROOT)} is written.")  # noqa: T201


if __name__ == "__main__":
    main()
