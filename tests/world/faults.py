"""Make calls to AWS fail, or kill the function at one, before or after the service has done what it was asked."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Any
from unittest import mock

from botocore.client import BaseClient
from botocore.exceptions import ClientError, ReadTimeoutError
from moto.dynamodb.exceptions import TransactionCanceledException
from moto.dynamodb.models import DynamoDBBackend, dynamodb_backends
from moto.dynamodb.models.utilities import dynamo_json_dump

from tests.world.aws import call_moto, client, in_moto
from tests.world.environment import ACCOUNT


class Killed(BaseException):
    """The function's process is gone; nothing in it can catch that."""


class Fault(Enum):
    """What happens at a call."""

    NONE = "nothing"
    KILLED_BEFORE = "the function is killed before the call"
    KILLED_AFTER = "the function is killed after the call"
    ANSWER_LOST = "the call is done, its answer is lost"
    THROTTLED = "the service refuses the call for now"


_REFUSED = {
    "Error": {"Code": "ThrottlingException", "Message": "Rate exceeded"},
    "ResponseMetadata": {"HTTPStatusCode": 400, "RequestId": "throttled"},
}


def straight_to_moto(client: BaseClient, operation: str, arguments: dict[str, Any]) -> Any:
    """What moto's tables make of a call, without the HTTP request and answer around it: many times as fast."""
    if operation not in _STRAIGHT:
        return call_moto(client, operation, arguments)
    return in_moto("dynamodb", operation, lambda: _STRAIGHT[operation](arguments))


def _transact(arguments: dict[str, Any]) -> dict[str, Any]:
    try:
        _tables().transact_write_items(arguments["TransactItems"])
    except TransactionCanceledException as refusal:
        reasons = json.loads(refusal.description)["CancellationReasons"]
        cancelled: Any = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": reasons}
        raise ClientError(cancelled, "TransactWriteItems") from None
    return {}


def _get_batch(arguments: dict[str, Any]) -> dict[str, Any]:
    ((table, asked),) = arguments["RequestItems"].items()
    found = [_tables().get_item(table, key) for key in asked["Keys"]]
    items = [json.loads(dynamo_json_dump(item.to_json()["Attributes"])) for item in found if item]
    return {"Responses": {table: items}, "UnprocessedKeys": {}}


def _tables() -> DynamoDBBackend:
    tables: DynamoDBBackend = dynamodb_backends[ACCOUNT]["us-east-1"]
    return tables


_STRAIGHT = {"TransactWriteItems": _transact, "BatchGetItem": _get_batch}


@contextmanager
def faults(fault_of: Callable[[str], Fault], *, real_call: Callable[..., Any] = call_moto) -> Iterator[None]:
    """Ask ``fault_of`` at each call, by the name of its operation, what shall happen."""

    def call(client: BaseClient, operation: str, arguments: dict[str, Any]) -> Any:
        fault = fault_of(operation)
        if fault is Fault.KILLED_BEFORE:
            raise Killed
        if fault is Fault.THROTTLED:
            raise ClientError(_REFUSED, operation)  # type: ignore[arg-type]
        answer = real_call(client, operation, arguments)
        if fault is Fault.KILLED_AFTER:
            raise Killed
        if fault is Fault.ANSWER_LOST:
            raise ReadTimeoutError(endpoint_url="https://dynamodb")
        return answer

    with mock.patch.object(BaseClient, "_make_api_call", call):
        yield


def at_call(number: int, fault: Fault) -> Callable[[str], Fault]:
    """``fault`` at the call with this number, counted from 0."""
    calls = iter(range(10**6))
    return lambda _operation: fault if next(calls) == number else Fault.NONE


@contextmanager
def counted_calls() -> Iterator[list[tuple[str, dict[str, Any], Any]]]:
    """Every call in the block: its operation, its arguments and its answer."""
    calls: list[tuple[str, dict[str, Any], Any]] = []

    def call(client: BaseClient, operation: str, arguments: dict[str, Any]) -> Any:
        answer = call_moto(client, operation, arguments)
        calls.append((operation, arguments, answer))
        return answer

    with mock.patch.object(BaseClient, "_make_api_call", call):
        yield calls


def forget_unfinished_requests() -> None:
    """Let the time pass until a function that was killed could not be running any more."""
    dynamodb = client("dynamodb")
    for item in dynamodb.scan(TableName="IdempotencyTable")["Items"]:
        if item.get("status", {}).get("S") == "INPROGRESS":
            dynamodb.delete_item(TableName="IdempotencyTable", Key={"id": item["id"]})
