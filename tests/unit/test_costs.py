"""make costs: what is counted is counted as AWS counts it, and every amount has a price."""

from decimal import Decimal
from typing import Any

import pytest

from sitewatch import aws, settings
from tests.load import costs, metering
from tests.load.metering import Meter, Unmetered
from tests.load.pricing import SERVICES, Prices
from tests.world.aws import client

PRICES = Prices.read()


def _item(size: int, **attributes: Any) -> dict[str, Any]:
    """An event's item of so many bytes."""
    item = {"id": {"S": "x"}, "filling": {"S": ""}, **attributes}
    item["filling"] = {"S": "f" * (size - metering.item_size(item))}
    return item


@pytest.mark.parametrize(
    ("value", "size"),
    [
        ({"S": "aé"}, 3),
        ({"N": "1234"}, 3),
        ({"N": "-1234"}, 4),
        ({"N": "100"}, 2),
        ({"BOOL": True}, 1),
        ({"B": b"abc"}, 3),
        ({"L": [{"S": "ab"}, {"BOOL": True}]}, 8),
        ({"M": {"ab": {"S": "c"}}}, 7),
        ({"SS": ["ab", "c"]}, 3),
    ],
)
def test_a_value_has_the_size_that_dynamodb_gives_it(value: dict[str, Any], size: int) -> None:
    assert metering.value_size(value) == size


def test_a_write_takes_a_unit_per_kilobyte_of_the_larger_image_and_two_in_a_transaction() -> None:
    units = metering.write_units
    assert units("EventsTable", None, _item(1024)) == 1
    assert units("EventsTable", None, _item(1025)) == 2
    assert units("EventsTable", _item(3000), _item(100)) == 3
    assert units("EventsTable", _item(1025), None, transaction=True) == 4
    assert units("EventsTable", None, None) == 1  # a condition that does not hold


def test_an_index_takes_units_where_its_entry_changes() -> None:
    indexed: dict[str, Any] = {"time_partition": {"S": "2026-11#0"}, "type_partition": {"S": "2026-11#0#door"}}
    moved = {**indexed, "time_partition": {"S": "2026-12#0"}}
    units = metering.write_units
    assert units("EventsTable", None, _item(1025, **indexed)) == 2 + 2 + 2
    assert units("EventsTable", _item(500, **indexed), _item(500, **indexed)) == 1
    assert units("EventsTable", _item(500, **indexed), _item(600, **indexed)) == 1 + 1 + 1
    # Its partition is another: the old entry goes and a new one comes.
    assert units("EventsTable", _item(500, **indexed), _item(500, **moved)) == 1 + 2 + 1
    # Only the keys are in this one.
    kind = {"sensor": {"S": "a"}, "position": {"S": "now"}, "kind": {"S": "sensor"}}
    assert units("OccupancyTable", {**kind, "inside": {"N": "1"}}, {**kind, "inside": {"N": "2"}}) == 1


def test_a_read_takes_half_a_unit_per_four_kilobytes_unless_it_is_consistent() -> None:
    assert metering.read_units(0, consistent=False) == 0.5
    assert metering.read_units(4097, consistent=False) == 1
    assert metering.read_units(4097, consistent=True) == 2


def test_calls_of_a_function_are_counted_and_those_of_the_tests_are_not() -> None:
    queue, table = settings.text("JOBS_QUEUE_URL"), "EventsTable"
    bodies = [{"Id": str(n), "MessageBody": "x" * 40_000} for n in range(3)]
    with Meter() as meter:
        client("sqs").send_message(QueueUrl=queue, MessageBody="x")
        with meter.invocation("events.post_event.handler"):
            aws.client("sqs").send_message_batch(QueueUrl=queue, Entries=bodies)
            aws.client("dynamodb").put_item(TableName=table, Item=_item(1500))
            aws.client("dynamodb").get_item(TableName=table, Key={"id": {"S": "x"}}, ConsistentRead=True)
            aws.client("secretsmanager").get_secret_value(SecretId="TokenSecret")
    assert meter.usage == {
        "lambda_requests": 1,
        "log_bytes": 0,
        "sqs_requests": 2,
        "dynamodb_write_units": 2,
        "dynamodb_stored_bytes": 1500 + metering.ITEM_OVERHEAD,
        "dynamodb_read_units": 1,
    }
    assert meter.calls["events.post_event.handler"] == 3
    assert 0 < meter.processor_seconds["events.post_event.handler"] < 5


def test_a_call_without_a_known_price_is_no_cheap_one() -> None:
    with Meter() as meter, meter.invocation("events.post_event.handler"), pytest.raises(Unmetered, match="ListTables"):
        aws.client("dynamodb").list_tables()


def test_a_small_month_costs_what_one_can_work_out_by_hand() -> None:
    cost = PRICES.cost({"lambda_requests": 2_000_000, "api_requests": 1_000_000, "dynamodb_write_units": 10})
    assert (cost["Lambda"], cost["API Gateway"]) == (Decimal("0.40"), Decimal("3.50"))
    assert cost["DynamoDB writes"] == Decimal("0.00000625")
    assert sum(cost.values()) == Decimal("3.90000625")


def test_less_memory_makes_a_function_slower_and_a_call_does_not_care() -> None:
    whole = PRICES.assumptions["memory_mb_of_one_processor"]
    trip = PRICES.assumptions["round_trip_ms"] / 1000
    assert PRICES.billed_seconds(0.01, 2, int(whole)) == pytest.approx(0.01 + 2 * trip)
    assert PRICES.billed_seconds(0.01, 2, int(whole / 2)) == pytest.approx(0.02 + 2 * trip, rel=0.01)
    assert PRICES.billed_seconds(0.01, 0, 10_240) == pytest.approx(0.01)


def test_every_price_is_on_a_line_of_the_table_and_every_line_has_its_prices() -> None:
    assert {name for names in SERVICES.values() for name in names} == PRICES.dollars.keys()


@pytest.mark.parametrize("flow", costs.FLOWS, ids=lambda flow: flow.name)
def test_what_a_flow_uses_has_a_price_and_grows_with_what_is_sent(flow: costs.Flow) -> None:
    use, meter = costs.measure(flow, PRICES, samples=flow.batch)
    assert use.keys() <= PRICES.dollars.keys()
    assert use["dynamodb_write_units"] >= 1
    assert use["lambda_gb_seconds"] > 0
    assert sum(meter.invocations.values()) == use["lambda_requests"] * flow.batch
    assert costs.standing(PRICES, 1).keys() <= PRICES.dollars.keys()


def test_a_message_takes_the_calls_that_its_code_makes() -> None:
    use, meter = costs.measure(costs.FLOWS[2], PRICES, samples=4)
    assert use["api_requests"] == 1
    assert use["sqs_requests"] == 1 + costs.POLLS
    # The job as pending, then in one transaction the message, two notifications and the job.
    assert use["dynamodb_write_units"] == 1 + 4 * 2
    assert meter.invocations == {"messages.post_messages.handler": 4, "jobs.on_queue_work.handler": 4}
