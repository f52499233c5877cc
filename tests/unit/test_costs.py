"""make costs counts what AWS bills, and every amount has a price."""

from decimal import Decimal
from typing import Any

import pytest

from sitewatch import aws, settings
from tests.load import costs
from tests.load.capacity import ITEM_OVERHEAD, item_size, read_units, value_size, write_units
from tests.world.aws import client
from tests.world.template import resources


def _item(size: int, **attributes: Any) -> dict[str, Any]:
    """An event's item of that many bytes."""
    item = {"id": {"S": "x"}, "filling": {"S": ""}, **attributes}
    item["filling"] = {"S": "f" * (size - item_size(item))}
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
def test_a_value_has_the_size_that_dynamodb_bills(value: dict[str, Any], size: int) -> None:
    assert value_size(value) == size


def test_a_write_takes_a_unit_per_kilobyte_of_the_larger_image_and_two_in_a_transaction() -> None:
    assert write_units("EventsTable", None, _item(1024)) == 1
    assert write_units("EventsTable", None, _item(1025)) == 2
    assert write_units("EventsTable", _item(3000), _item(100)) == 3
    assert write_units("EventsTable", _item(1025), None, transaction=True) == 4
    assert write_units("EventsTable", None, None) == 1  # a condition that does not hold


def test_an_index_takes_units_if_its_entry_changes() -> None:
    indexed: dict[str, Any] = {"time_partition": {"S": "0#"}, "type_partition": {"S": "0#door"}}
    moved = {**indexed, "time_partition": {"S": "1#"}}
    assert write_units("EventsTable", None, _item(1025, **indexed)) == 2 + 2 + 2
    assert write_units("EventsTable", _item(500, **indexed), _item(500, **indexed)) == 1
    assert write_units("EventsTable", _item(500, **indexed), _item(600, **indexed)) == 1 + 1 + 1
    # The entry moves to another partition: a delete and a put.
    assert write_units("EventsTable", _item(500, **indexed), _item(500, **moved)) == 1 + 2 + 1
    # This index has the keys only.
    kind = {"sensor": {"S": "a"}, "position": {"S": "now"}, "kind": {"S": "sensor"}}
    assert write_units("OccupancyTable", {**kind, "inside": {"N": "1"}}, {**kind, "inside": {"N": "2"}}) == 1


def test_a_read_takes_half_a_unit_per_four_kilobytes_and_a_whole_one_if_it_is_consistent() -> None:
    assert read_units(0, {}) == 0.5
    assert read_units(4097, {"ConsistentRead": False}) == 1
    assert read_units(4097, {"ConsistentRead": True}) == 2


def test_a_functions_calls_are_counted_and_those_of_the_tests_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    queue, meter = settings.text("JOBS_QUEUE_URL"), costs.Meter()

    def handler(_event: object, _context: object) -> None:
        aws.client("sqs").send_message(QueueUrl=queue, MessageBody="x" * 120_000)
        aws.client("dynamodb").put_item(TableName="EventsTable", Item=_item(1500))
        aws.client("dynamodb").get_item(TableName="EventsTable", Key={"id": {"S": "x"}}, ConsistentRead=True)

    monkeypatch.setattr("events.post_event.handler", handler)
    client("sqs").send_message(QueueUrl=queue, MessageBody="x")
    meter.invoke("events.post_event.handler", {})
    assert 0.0075 <= meter.usage.pop("lambda_gb_seconds") < 5  # three round trips, with 512 MB
    assert meter.usage == {
        "lambda_requests": 1,
        "traces": 1,
        "log_bytes": 0,
        "sqs_requests": 2,
        "dynamodb_write_units": 2,
        "dynamodb_stored_bytes": 1500 + ITEM_OVERHEAD,
        "dynamodb_read_units": 1,
    }


def test_a_call_without_a_known_price_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("events.post_event.handler", lambda *_: aws.client("dynamodb").list_tables())
    with pytest.raises(ValueError, match="ListTables"):
        costs.Meter().invoke("events.post_event.handler", {})


def test_the_cost_of_a_small_month_matches_a_manual_calculation() -> None:
    cost = costs.cost({"lambda_requests": 2_000_000, "api_requests": 1_000_000, "dynamodb_write_units": 10})
    assert (cost["Lambda"], cost["API Gateway"]) == (Decimal("0.40"), Decimal("3.50"))
    assert cost["DynamoDB writes"] == Decimal("0.00000625")
    assert sum(cost.values()) == Decimal("3.90000625")


def test_an_alarm_is_billed_by_the_metrics_that_it_watches() -> None:
    stat = {"Id": "a", "MetricStat": {}}
    query = 'SELECT SUM(Errors) FROM SCHEMA("AWS/Lambda", FunctionName) GROUP BY FunctionName ORDER BY SUM() DESC'
    functions = len(resources("AWS::Serverless::Function"))
    assert costs.metrics_of({"MetricName": "Errors"}) == 1
    assert costs.metrics_of({"Metrics": [stat, stat, {"Id": "b", "Expression": "MAX(METRICS())"}]}) == 2
    assert costs.metrics_of({"Metrics": [{"Id": "q", "Expression": query}]}) == functions
    assert costs.fixed(1)["alarm_metrics"] > functions


@pytest.mark.parametrize("name", costs.FLOWS)
def test_everything_that_a_flow_uses_has_a_price(name: str) -> None:
    use, _ = costs.measure(name, samples=costs.FLOWS[name][1], warm_up=0)
    assert use.keys() <= costs.PRICES.keys()
    assert use["dynamodb_write_units"] >= 1
    assert use["lambda_gb_seconds"] > 0
    assert costs.fixed(1).keys() <= costs.PRICES.keys()


def test_a_message_is_billed_for_the_calls_that_its_code_makes() -> None:
    use, _ = costs.measure("messages, one at a time", samples=4, warm_up=0)
    assert use["api_requests"] == 1
    assert use["sqs_requests"] == 1 + costs.POLLS
    # The pending job, then in one transaction the message, two notifications and the job.
    assert use["dynamodb_write_units"] == 1 + 4 * 2
    assert use["lambda_requests"] == 2
