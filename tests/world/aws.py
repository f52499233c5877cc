"""AWS for the unit tests, on moto: the template's tables, stream, topic, queues, bucket and secret.

moto is slow in seven ways, which this module avoids: it builds resources with hundreds of HTTP requests, it takes each
call through a whole HTTP request and response, a transaction copies whole tables, a query sorts whole tables, the same
expressions are parsed again and again, each attribute of an item measures the whole item, and each message that is sent
counts the queue's messages.
"""

import copyreg
import inspect
import json
import pickle
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache, lru_cache
from typing import Any
from unittest import mock

import boto3
from botocore import xform_name
from botocore.client import BaseClient
from botocore.validate import ParamValidator
from moto import mock_aws  # noqa: F401 - registers moto with botocore
from moto.backends import get_backend
from moto.core.exceptions import JsonRESTError, ServiceException
from moto.core.models import botocore_stubber
from moto.dynamodb.comparisons import ConditionExpressionParser, get_filter_expression
from moto.dynamodb.exceptions import ItemSizeTooLarge, TransactionCanceledException
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType, Item, LimitedSizeDict
from moto.dynamodb.models.table import Table
from moto.dynamodb.parsing.tokens import ExpressionTokenizer
from moto.dynamodb.responses import DynamoHandler
from moto.sqs.models import Message, Queue, SQSBackend
from moto.sqs.responses import SQSResponse

from tests.world.environment import ACCOUNT, queue_name
from tests.world.settings import SIGNING_SECRET
from tests.world.template import resources

REGION = "us-east-1"
MAX_TRANSACTION = 100
MAX_ITEM_BYTES = 405_000
_TABLE_PROPERTIES = (
    "BillingMode",
    "AttributeDefinitions",
    "KeySchema",
    "GlobalSecondaryIndexes",
    "StreamSpecification",
)
_READS = ("BatchGet", "Describe", "Get", "List", "Query", "Scan")
_DIRECT = frozenset(
    {
        "BatchGetItem",
        "BatchWriteItem",
        "DeleteItem",
        "GetItem",
        "PutItem",
        "Query",
        "Scan",
        "TransactWriteItems",
        "UpdateItem",
    }
)
"""Operations of DynamoDB that need no HTTP request."""
_SENDING = frozenset({"SendMessage", "SendMessageBatch"})
"""Operations of SQS that need none either, unless they fail."""

_botocore_call: Callable[..., Any] = BaseClient._make_api_call  # type: ignore[attr-defined]
_moto_transaction = DynamoDBBackend.transact_write_items
_moto_query = Table.query
_moto_parse = ConditionExpressionParser.parse
_moto_tokens: Callable[[str], list[Any]] = ExpressionTokenizer.make_list
_moto_send = SQSBackend.send_message
_SUMMING = re.compile(
    r"(SET (?P<kept>#\w+) = if_not_exists \((?P=kept), (?P<first>:\w+)\) )?ADD (?P<sums>#\w+ :\w+(, #\w+ :\w+)*)"
)
"""An update that adds to numbers, and may set another attribute that does not exist yet."""
_QUERY = inspect.signature(_moto_query)
_one_at_a_time = threading.RLock()  # moto has no locks, so other threads would see half a transaction

copyreg.pickle(type(threading.RLock()), lambda _: (threading.RLock, ()))  # moto's queues have one


@cache
def client(service: str) -> Any:
    """A client for the tests themselves, cached because making one is slow."""
    create: Any = boto3.client
    return create(service)


@contextmanager
def new_world() -> Iterator[None]:
    """The template's resources, empty."""
    with (
        mock.patch.object(botocore_stubber, "enabled", new=True),
        mock.patch.object(BaseClient, "_make_api_call", call),
        mock.patch.object(DynamoDBBackend, "transact_write_items", _transact),
        mock.patch.object(Table, "query", _query),
        mock.patch.object(ConditionExpressionParser, "parse", _parse),
        mock.patch.object(ExpressionTokenizer, "make_list", _tokens),
        mock.patch.object(Item, "__init__", _fill),
        mock.patch.object(SQSBackend, "send_message", _send),
    ):
        reset()
        yield


def reset(*, everything: bool = False) -> None:
    """Empty the template's resources, and remove all others: of the services that calls of this process have changed.

    ``everything``: of all services, because other processes have changed them too.
    """
    for service in sorted(_changed.union(_BUILDERS) if everything else _changed):
        attributes = vars(_backend(service))
        state = _built(service)
        attributes.clear()
        attributes.update(pickle.loads(state))  # noqa: S301 - we wrote it
    _changed.clear()


@cache
def _built(service: str) -> bytes:
    """A service's pickled state with the template's resources. Loading it is a hundred times faster than building."""
    backend = _backend(service)
    copyreg.pickle(type(backend), lambda _: (_backend, (service,)))  # topics refer to theirs
    backend.reset()
    _BUILDERS.get(service, lambda: None)()
    return pickle.dumps(vars(backend))


def _backend(service: str) -> Any:
    regions = get_backend(service)[ACCOUNT]  # type: ignore[call-overload]
    return regions["aws" if "aws" in regions else REGION]


def call(client: BaseClient, operation: str, parameters: dict[str, Any]) -> Any:
    """Return moto's response to a call; the common operations skip the HTTP request."""
    if (operation in _DIRECT or operation in _SENDING) and _is_valid(client, operation, parameters):
        if operation in _DIRECT:
            return _on_moto("dynamodb", operation, lambda: _call_directly(client, operation, parameters))
        with suppress(ServiceException):  # which botocore makes its own errors of
            return _on_moto("sqs", operation, lambda: _send_directly(operation, parameters))
    return call_over_http(client, operation, parameters)


def _is_valid(client: BaseClient, operation: str, parameters: dict[str, Any]) -> bool:
    shape: Any = client.meta.service_model.operation_model(operation).input_shape
    return not ParamValidator().validate(parameters, shape).has_errors()


def call_over_http(client: BaseClient, operation: str, parameters: dict[str, Any]) -> Any:
    """Return botocore's and moto's response to a call."""
    service = client.meta.service_model.service_name
    return _on_moto(service, operation, lambda: _botocore_call(client, operation, parameters))


def _call_directly(client: BaseClient, operation: str, parameters: dict[str, Any]) -> Any:
    handler: Any = DynamoHandler()
    handler.current_account, handler.region, handler.body = ACCOUNT, REGION, _copy(parameters)
    try:
        response = getattr(handler, xform_name(operation))().result
    except JsonRESTError as error:
        details = json.loads(error.description)
        code, message = details.pop("__type").rpartition("#")[2], details.pop("message", details.pop("Message", ""))
        response = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": _metadata(400), **details}
        error_class: Any = client.exceptions.from_code(code)
        raise error_class(response, operation) from None
    return {**_copy(response), "ResponseMetadata": _metadata(200)}


def _send_directly(operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
    handler: Any = SQSResponse()
    handler.current_account, handler.region, handler.uri_match = ACCOUNT, REGION, {}
    handler.params = _copy(parameters)
    return {**getattr(handler, xform_name(operation))().result, "ResponseMetadata": _metadata(200)}


def _metadata(status: int) -> dict[str, Any]:
    return {"HTTPStatusCode": status, "RequestId": "direct"}


def _copy(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))  # noqa: S301 - faster than copy.deepcopy


def _on_moto(service: str, operation: str, work: Callable[[], Any]) -> Any:
    """Do the work of a call alone and without tracing: measuring moto's coverage would double a test's time."""
    with _one_at_a_time:
        if not operation.startswith(_READS):
            _changed.add(service)
            if service == "sns":  # it delivers to queues
                _changed.add("sqs")
        tracer = sys.gettrace()
        sys.settrace(None)
        try:
            return work()
        finally:
            sys.settrace(tracer)
            _step()


def _step() -> None:
    """Called so that the tracer resumes before its caller returns, and sees that return."""


def _transact(backend: DynamoDBBackend, transact_items: list[dict[str, Any]]) -> None:
    """Check every condition before the first write; moto copies each table for each item, to undo writes."""
    operations = [(kind, operation) for item in transact_items for kind, operation in item.items()]
    keys = [_key(backend, operation) for _, operation in operations]
    if len(operations) > MAX_TRANSACTION or any(key in keys[:number] for number, key in enumerate(keys)):
        _moto_transaction(backend, transact_items)  # which raises
    reasons = [_refusal(backend, operation, key) for (_, operation), key in zip(operations, keys, strict=True)]
    if any(code for code, _, _ in reasons):
        raise TransactionCanceledException(reasons)
    for kind, operation in operations:
        table = operation["TableName"]
        if kind == "Put":
            backend.put_item(table, operation["Item"])
        elif kind == "Delete":
            backend.delete_item(table, operation["Key"])
        elif kind == "Update":
            _update(backend, operation)


def _update(backend: DynamoDBBackend, operation: dict[str, Any]) -> None:
    names, values = operation["ExpressionAttributeNames"], operation["ExpressionAttributeValues"]
    expression, table, key = operation["UpdateExpression"], operation["TableName"], operation["Key"]
    summing = _SUMMING.fullmatch(expression)
    sums = dict(one.split() for one in summing["sums"].split(", ")) if summing else {}
    if summing is None or not all("N" in values[summand] for summand in sums.values()):
        backend.update_item(table, key, expression, names, values)
        return
    # Most updates add to sums, and moto's parser is slow for them.
    current = backend.get_item(table, key)
    attributes = dict(current.to_json()["Attributes"] if current else key)
    if summing["kept"]:
        attributes.setdefault(names[summing["kept"]], values[summing["first"]])
    for placeholder, summand in sums.items():
        name = names[placeholder]
        total = int(attributes.get(name, {"N": "0"})["N"]) + int(values[summand]["N"])
        attributes[name] = {"N": str(total)}
    backend.put_item(table, attributes)


def _key(backend: DynamoDBBackend, operation: dict[str, Any]) -> dict[str, Any]:
    table = backend.get_table(operation["TableName"])
    attributes = operation.get("Key") or operation["Item"]
    return {name: attributes[name] for name in (table.hash_key_attr, table.range_key_attr) if name}


def _refusal(backend: DynamoDBBackend, operation: dict[str, Any], key: dict[str, Any]) -> Any:
    """Why a transaction's operation fails, as a code, a message and the stored item: all None if it does not."""
    names, values = operation.get("ExpressionAttributeNames"), operation.get("ExpressionAttributeValues")
    current = backend.get_item(operation["TableName"], key)
    if get_filter_expression(operation.get("ConditionExpression"), names, values).expr(current):
        return None, None, None
    is_asked_for = operation.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
    item = current.to_json()["Attributes"] if current and is_asked_for else None
    return "ConditionalCheckFailed", "The conditional request failed", item


def _query(table: Table, *arguments: Any, **named: Any) -> Any:
    """moto's own query on one partition, without sorting and reading the whole table."""
    asked = _QUERY.bind(table, *arguments, **named).arguments
    items: Any = table.items
    if asked.get("index_name") is None:
        items = {asked["hash_key"]: items[asked["hash_key"]]} if asked["hash_key"] in items else {}
    found = list(items.values())
    if table.range_key_attr:
        found = [item for partition in found for item in partition.values()]
    table.all_items = lambda: found  # type: ignore[method-assign]
    try:
        return _moto_query(table, *arguments, **named)
    finally:
        del table.all_items


def _parse(parser: ConditionExpressionParser) -> Any:
    """What moto's parser returns, and what it notes while it parses."""
    asked = (parser.condition_expression, parser.expression_attribute_names, parser.expression_attribute_values)
    condition, names, values = _parsed(pickle.dumps(asked))
    parser.expr_attr_names_found += names
    parser.expr_attr_values_found += values
    return condition


@lru_cache(maxsize=1000)
def _parsed(asked: bytes) -> tuple[Any, list[str], list[str]]:
    parser = ConditionExpressionParser(*pickle.loads(asked))  # noqa: S301 - we wrote it
    return _moto_parse(parser), parser.expr_attr_names_found, parser.expr_attr_values_found


def _tokens(expression: str) -> list[Any]:
    return list(_tokenized(expression))


@cache
def _tokenized(expression: str) -> tuple[Any, ...]:
    return tuple(_moto_tokens(expression))


def _fill(item: Item, hash_key: DynamoType, range_key: DynamoType | None, attrs: dict[str, Any]) -> None:
    """Make an item as moto does, and measure it once."""
    item.hash_key, item.range_key = hash_key, range_key
    item.attrs = LimitedSizeDict({key: DynamoType(value) for key, value in attrs.items()})
    if item.size() > MAX_ITEM_BYTES:
        raise ItemSizeTooLarge


def _send(backend: SQSBackend, queue_name: str, *arguments: Any, **named: Any) -> Message:
    """moto's own, which asks for every attribute of a queue, its messages' counts among them, to know this one."""
    queue: Any = backend.get_queue(queue_name)
    deduplicates = "true" if queue.fifo_queue and queue.content_based_deduplication else "false"
    with mock.patch.object(Queue, "attributes", {"ContentBasedDeduplication": deduplicates}):
        return _moto_send(backend, queue_name, *arguments, **named)


def _build_tables() -> None:
    for name, properties in resources("AWS::DynamoDB::Table").items():
        table = {key: properties[key] for key in _TABLE_PROPERTIES if key in properties}
        if "StreamSpecification" in table:
            table["StreamSpecification"] = {"StreamEnabled": True, **table["StreamSpecification"]}
        client("dynamodb").create_table(TableName=name, **table)


def _build_queues() -> None:
    for name, properties in resources("AWS::SQS::Queue").items():
        client("sqs").create_queue(
            QueueName=queue_name(name), Attributes={"FifoQueue": "true"} if properties.get("FifoQueue") else {}
        )


def _build_topics() -> None:
    for name in resources("AWS::SNS::Topic"):
        topic = client("sns").create_topic(Name=name)["TopicArn"]
        client("sns").subscribe(
            TopicArn=topic,
            Protocol="sqs",
            Endpoint=f"arn:aws:sqs:us-east-1:{ACCOUNT}:AlertsQueue",
            Attributes={"RawMessageDelivery": "true"},
        )


def _build_streams() -> None:
    for name in resources("AWS::Kinesis::Stream"):
        client("kinesis").create_stream(StreamName=name, ShardCount=1)


def _build_buckets() -> None:
    for name in resources("AWS::S3::Bucket"):
        client("s3").create_bucket(Bucket=name.lower())


def _build_secrets() -> None:
    client("secretsmanager").create_secret(Name="TokenSecret", SecretString=SIGNING_SECRET)
    client("secretsmanager").create_secret(Name="HashingSecret", SecretString="keys hashes")


_BUILDERS: dict[str, Callable[[], None]] = {
    "dynamodb": _build_tables,
    "kinesis": _build_streams,
    "s3": _build_buckets,
    "secretsmanager": _build_secrets,
    "sns": _build_topics,
    "sqs": _build_queues,
}
_changed = set(_BUILDERS)
