"""What DynamoDB returns, and which failures of transactions are temporary, so that a retry may succeed."""

import itertools
import json
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from botocore.parsers import JSONParser
from pynamodb.exceptions import CancellationReason, TransactWriteError, VerboseClientError

from accounts.model import UserRecord
from detections.model import CountRecord, PositionRecord
from events.model import EventRecord
from sitewatch import tables, transactions
from sitewatch.jobs import NotificationRecord


@pytest.fixture(autouse=True)
def world() -> None:
    """No table is needed here."""


def _cancelled(*reasons: str | None) -> TransactWriteError:
    found = [CancellationReason(reason) if reason else None for reason in reasons]
    error = {"Error": {"Code": "TransactionCanceledException"}}
    return TransactWriteError(
        "cancelled", VerboseClientError(error, "TransactWriteItems", {}, cancellation_reasons=found)
    )


def _refused(code: str) -> TransactWriteError:
    return TransactWriteError("refused", ClientError({"Error": {"Code": code}}, "TransactWriteItems"))


@pytest.mark.parametrize(
    "reasons",
    [
        ("TransactionConflict", None),
        ("ConditionalCheckFailed", "None"),
        ("ThrottlingError", "ProvisionedThroughputExceeded"),
    ],
)
def test_a_conflicting_or_throttled_transaction_fails_temporarily(reasons: tuple[str | None, ...]) -> None:
    assert transactions.is_temporary(_cancelled(*reasons))


@pytest.mark.parametrize(
    "reasons", [("ValidationError", None), ("TransactionConflict", "ItemCollectionSizeLimitExceeded")]
)
def test_an_invalid_transaction_fails_permanently(reasons: tuple[str | None, ...]) -> None:
    assert not transactions.is_temporary(_cancelled(*reasons))


@pytest.mark.parametrize("code", ["ThrottlingException", "InternalServerError", "TransactionInProgressException"])
def test_a_busy_table_fails_temporarily(code: str) -> None:
    assert transactions.is_temporary(_refused(code))


def test_a_lost_response_is_a_temporary_failure() -> None:
    assert transactions.is_temporary(TransactWriteError("lost", ReadTimeoutError(endpoint_url="https://dynamodb")))


@pytest.mark.parametrize("code", ["AccessDeniedException", "ValidationException", "ResourceNotFoundException"])
def test_other_errors_are_permanent(code: str) -> None:
    assert not transactions.is_temporary(_refused(code))


def test_there_is_one_connection() -> None:
    assert tables.connection() is tables.connection()


def test_all_models_and_transactions_share_the_client_made_at_import() -> None:
    models = (NotificationRecord, EventRecord, CountRecord, PositionRecord)
    clients = {id(model._get_connection().connection.client) for model in models}
    assert clients == {id(tables.CLIENT)} == {id(tables.connection().client)}


def _query(*parts: tuple[int, int, str | None]) -> Any:
    """A query whose responses have so many items, read so many and end at a sort key."""
    numbers = itertools.count()
    return SimpleNamespace(
        page_iter=(
            {
                "Items": [{"id": {"S": f"{next(numbers):02}"}} for _ in range(items)],
                "ScannedCount": read,
                **({"LastEvaluatedKey": {"id": {"S": end}}} if end else {}),
            }
            for items, read, end in parts
        )
    )


@pytest.mark.parametrize(
    ("parts", "ids", "end"),
    [
        ([(2, 2, None)], ["00", "01"], None),
        ([(4, 4, "03")], ["00", "01", "02"], "02"),  # there is one more than asked for
        ([(2, 2, "01"), (9, 9, None)], ["00", "01"], "01"),  # it ended at 1 MiB
        ([(1, 4, "x"), (2, 4, "y"), (1, 4, "z")], ["00", "01", "02"], "y"),  # a filter left some out
        ([(0, 4, "x"), (1, 1, None)], ["00"], None),
        ([(0, 4, "x"), (1, 2, "y"), (9, 9, None)], ["00"], "y"),
        ([(0, 4, f"{n:02}") for n in range(30)], [], "10"),  # after eleven responses
    ],
)
def test_a_page_ends_at_its_limit_or_1_mib_or_after_eleven_calls(
    parts: list[tuple[int, int, str | None]], ids: list[str], end: str | None
) -> None:
    found, after = tables.page(UserRecord, _query(*parts), 3)
    assert ([user.id for user in found], after) == (ids, end)


@pytest.mark.parametrize(
    "item",
    [
        {"id": {"S": "x"}, "year": {"N": "2021"}, "late": {"BOOL": False}, "no": {"NULL": True}, "tags": {"SS": ["a"]}},
        {"id": {"S": "x"}, "value": {"B": "nSpMvg=="}},
        {"id": {"S": "x"}, "all": {"BS": ["nSpMvg=="]}},
        {"id": {"S": "x"}, "in": {"M": {"deep": {"L": [{"B": "nSpMvg=="}, {"S": "x"}]}, "plain": {"N": "1"}}}},
        {},
    ],
)
def test_items_are_parsed_as_botocore_does(item: dict[str, Any]) -> None:
    shape = tables.CLIENT.meta.service_model.operation_model("Query").output_shape
    response = {"status_code": 200, "headers": {}, "body": json.dumps({"Items": [item], "Count": 1}).encode()}
    parser = tables.CLIENT._endpoint._response_parser_factory.create_parser("json")
    assert type(parser) is not JSONParser
    parsed = parser.parse(response, shape)
    assert parsed == JSONParser().parse(response, shape)
    assert parsed["Items"] != [item] or not {"B", "BS", "M"} & {kind for value in item.values() for kind in value}
