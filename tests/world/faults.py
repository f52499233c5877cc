"""Record the AWS calls of functions, make some of them fail, or kill the function at one."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial
from typing import Any, TypeVar
from unittest.mock import patch

from botocore.client import BaseClient
from botocore.exceptions import ClientError, ReadTimeoutError

from tests.world.aws import client

Entry = TypeVar("Entry")
Send = Callable[[dict[str, Any]], Any]
"""Passes a call on, with these parameters, and returns its response."""


class Killed(BaseException):
    """The function's process is gone: none of its code can catch this."""


class Fault(Enum):
    """A fault of one call."""

    THROTTLED = auto()  # the service rejects it
    PARTLY = auto()  # the service rejects every second entry of a batch, and accepts the others
    CONFLICT = auto()  # a transaction conflicts with another one
    KILLED_BEFORE = auto()  # the function is killed before the call
    KILLED_AFTER = auto()  # the function is killed after the call
    RESPONSE_LOST = auto()  # the service does it, but the response is lost
    TWICE = auto()  # the response is lost, and the client sends the call again


@dataclass(slots=True)
class Call:
    """A call that a function made; its response is None if it got none."""

    operation: str
    parameters: Mapping[str, Any]
    response: Any = None


Faults = Iterable[Fault | None] | Callable[[Call], Fault | None]
"""The fault of each call in order, or a function from a call to its fault; after the last one, there are none."""


def _is_about_the_caller(operation: str, parameters: Mapping[str, Any]) -> bool:
    """Whether a call serves to sign or to check the caller's token, whatever the function does."""
    return operation == "GetSecretValue" or (operation == "Query" and parameters["TableName"] == "UserStatusTable")


class Wire:
    """While its block runs, records the calls that functions make in an `invocation`, and makes them fail.

    Pauses take no time.
    """

    def __init__(self, faults: Faults = ()) -> None:
        self.calls: list[Call] = []
        remaining = iter(()) if callable(faults) else iter(faults)
        self.fault_of: Callable[[Call], Fault | None] = faults if callable(faults) else lambda _: next(remaining, None)
        self._running = False
        self._dead = False

    def __enter__(self) -> "Wire":
        client_class: Any = BaseClient
        real_call = client_class._make_api_call

        def call(client: BaseClient, operation: str, parameters: dict[str, Any]) -> Any:
            send = partial(real_call, client, operation)
            if not self._running or _is_about_the_caller(operation, parameters):
                return send(parameters)
            return self._pass(send, Call(operation, parameters))

        self._patches: list[Any] = [patch.object(BaseClient, "_make_api_call", call), patch("time.sleep")]
        for each in self._patches:
            each.start()
        return self

    def __exit__(self, *_: object) -> None:
        for each in self._patches:
            each.stop()

    def operations(self, name: str) -> list[Call]:
        """The calls of one operation so far."""
        return [made for made in self.calls if made.operation == name]

    @contextmanager
    def invocation(self) -> Iterator[None]:
        """While a function runs: only then are calls recorded, and only then do they fail."""
        self._running, self._dead = True, False
        try:
            yield
        finally:
            self._running = False

    def _pass(self, send: Send, made: Call) -> Any:
        if self._dead:
            raise Killed
        self.calls.append(made)
        operation, parameters = made.operation, made.parameters
        fault = self.fault_of(made)
        if fault is Fault.KILLED_BEFORE:
            self._kill()
        if fault is Fault.PARTLY and operation in _PARTLY:
            return _PARTLY[operation](send, parameters)
        if fault is Fault.CONFLICT and operation == "TransactWriteItems":
            raise _conflict(len(parameters["TransactItems"]))
        if fault in (Fault.THROTTLED, Fault.PARTLY, Fault.CONFLICT):
            raise _throttled(operation)
        made.response = send(dict(parameters))  # botocore changes them
        if fault is Fault.TWICE and operation != "TransactWriteItems":  # whose token makes the second do nothing
            made.response = send(dict(parameters))
        if fault is Fault.KILLED_AFTER:
            self._kill()
        if fault is Fault.RESPONSE_LOST:
            raise ReadTimeoutError(endpoint_url="https://aws")
        return made.response

    def _kill(self) -> None:
        self._dead = True
        raise Killed


@contextmanager
def one_invocation(faults: Faults = ()) -> Iterator[Wire]:
    """A wire whose block is one invocation."""
    with Wire(faults) as wire, wire.invocation():
        yield wire


def at_call(number: int, fault: Fault) -> list[Fault | None]:
    """``fault`` at the call with this number, counted from 0."""
    return [*[None] * number, fault]


def forget_unfinished_requests() -> None:
    """Let time pass until a killed function would have timed out."""
    dynamodb = client("dynamodb")
    for item in dynamodb.scan(TableName="IdempotencyTable")["Items"]:
        if item.get("status", {}).get("S") == "INPROGRESS":
            dynamodb.delete_item(TableName="IdempotencyTable", Key={"id": item["id"]})


def _throttled(operation: str) -> ClientError:
    error: Any = {
        "Error": {"Code": "ThrottlingException", "Message": "Rate exceeded"},
        "ResponseMetadata": {"HTTPStatusCode": 400, "RequestId": "throttled"},
    }
    return ClientError(error, operation)


def _conflict(items: int) -> ClientError:
    reasons = [{"Code": "None"}] * (items - 1) + [{"Code": "TransactionConflict", "Message": "ongoing"}]
    error: Any = {
        "Error": {"Code": "TransactionCanceledException", "Message": "cancelled"},
        "CancellationReasons": reasons,
    }
    return ClientError(error, "TransactWriteItems")


def _every_second(entries: Sequence[Entry]) -> tuple[list[Entry], list[Entry]]:
    """The rejected and the accepted entries."""
    return list(entries[::2]), list(entries[1::2])


def _write_partly(send: Send, parameters: Mapping[str, Any]) -> Any:
    ((table, requests),) = parameters["RequestItems"].items()
    refused, accepted = _every_second(requests)
    if accepted:
        send({**parameters, "RequestItems": {table: accepted}})
    return {"UnprocessedItems": {table: refused}}


def _read_partly(send: Send, parameters: Mapping[str, Any]) -> Any:
    ((table, asked),) = parameters["RequestItems"].items()
    refused, accepted = _every_second(asked["Keys"])
    response: dict[str, Any] = {"Responses": {table: []}}
    if accepted:
        response = send({**parameters, "RequestItems": {table: {**asked, "Keys": accepted}}})
    return {**response, "UnprocessedKeys": {table: {**asked, "Keys": refused}}}


def _put_partly(send: Send, parameters: Mapping[str, Any]) -> Any:
    _, accepted = _every_second(parameters["Records"])
    outcomes = send({**parameters, "Records": accepted})["Records"] if accepted else []
    refusal = {"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "slow down"}
    records = [outcomes[i // 2] if i % 2 else refusal for i in range(len(parameters["Records"]))]
    return {"FailedRecordCount": len(records) - len(accepted), "Records": records}


def _send_partly(name: str, send: Send, parameters: Mapping[str, Any]) -> Any:
    refused, accepted = _every_second(parameters[name])
    failures = [{"Id": entry["Id"], "Code": "InternalError", "SenderFault": False} for entry in refused]
    return {**(send({**parameters, name: accepted}) if accepted else {}), "Failed": failures}


_PARTLY: dict[str, Callable[[Send, Mapping[str, Any]], Any]] = {
    "BatchWriteItem": _write_partly,
    "BatchGetItem": _read_partly,
    "PutRecords": _put_partly,
    "SendMessageBatch": partial(_send_partly, "Entries"),
    "PublishBatch": partial(_send_partly, "PublishBatchRequestEntries"),
}
