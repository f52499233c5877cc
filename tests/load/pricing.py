"""Amounts to money: the price file, and what a month's use costs by it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tests.world.template import ROOT

FILE = ROOT / "docs" / "prices.json"
SERVICES = {
    "API Gateway": ("api_requests", "bytes_out"),
    "Lambda": ("lambda_requests", "lambda_gb_seconds"),
    "DynamoDB writes": ("dynamodb_write_units",),
    "DynamoDB reads": ("dynamodb_read_units",),
    "DynamoDB storage": ("dynamodb_stored_bytes",),
    "Kinesis": ("kinesis_bytes_in", "kinesis_bytes_out", "kinesis_stream_hours"),
    "SNS and SQS": ("sns_requests", "sqs_requests", "sqs_fifo_requests"),
    "CloudWatch and X-Ray": ("log_bytes", "traces", "metrics", "alarms"),
    "Secrets Manager": ("secrets",),
}
"""The price names of each line of the table."""


@dataclass(frozen=True, slots=True)
class Prices:
    """The price file. `as_of` is when its prices held."""

    region: str
    as_of: str
    status: str
    dollars: Mapping[str, Decimal]
    assumptions: Mapping[str, float]

    @staticmethod
    def read() -> "Prices":
        """The committed one. A price is kept as it is written, not as the nearest binary fraction."""
        held: Any = json.loads(FILE.read_text(encoding="utf-8"), parse_float=Decimal)
        return Prices(
            region=held["region"],
            as_of=held["as_of"],
            status=held["status"],
            dollars={name: Decimal(price["usd"]) / price["per"] for name, price in held["prices"].items()},
            assumptions={name: float(each["value"]) for name, each in held["assumptions"].items()},
        )

    def cost(self, usage: Mapping[str, float]) -> dict[str, Decimal]:
        """Dollars by service.

        Raises KeyError for an amount that has no price, or whose price is on no line of the table.
        """
        lines = {name: service for service, names in SERVICES.items() for name in names}
        dollars = dict.fromkeys(SERVICES, Decimal(0))
        for name, amount in usage.items():
            dollars[lines[name]] += self.dollars[name] * Decimal(str(amount))
        return dollars

    def billed_seconds(self, processor_seconds: float, calls: float, memory_mb: int) -> float:
        """How long an invocation takes: its processor time on the part of a processor that it has, and its calls."""
        share = min(memory_mb / self.assumptions["memory_mb_of_one_processor"], 1)
        return processor_seconds / share + calls * self.assumptions["round_trip_ms"] / 1000
