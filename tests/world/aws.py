"""The world of every unit test: the template's tables, stream, topic, queues, bucket and secret, on moto."""

import copy
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any
from unittest import mock

import boto3
from botocore.client import BaseClient
from moto import mock_aws
from moto.backends import get_backend
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.models.table import Table

from tests.world.environment import ACCOUNT, queue_name
from tests.world.template import resources

SIGNING_SECRET = "a secret of high entropy, as far as tests go"
_TABLE_PROPERTIES = (
    "BillingMode",
    "AttributeDefinitions",
    "KeySchema",
    "GlobalSecondaryIndexes",
    "StreamSpecification",
)
_READING = ("BatchGet", "Describe", "Get", "List", "Query", "Scan")

_moto_transaction = DynamoDBBackend.transact_write_items
_botocore_call: Callable[..., Any] = BaseClient._make_api_call  # type: ignore[attr-defined]
_one_at_a_time = threading.RLock()  # moto takes none, so its transactions would be none for another thread


@cache
def client(service: str) -> Any:
    """A client of the tests' own. Making one takes longer than the rest of a world does, so it is made once."""
    create: Any = boto3.client
    return create(service)


def call_moto(client: BaseClient, operation: str, arguments: dict[str, Any]) -> Any:
    """What botocore and moto make of a call."""
    service = client.meta.service_model.service_name
    return in_moto(service, operation, lambda: _botocore_call(client, operation, arguments))


def in_moto(service: str, operation: str, work: Callable[[], Any]) -> Any:
    """Do ``work`` for an operation of a service, not traced: to measure its coverage would double a test's time."""
    with _one_at_a_time:
        if not operation.startswith(_READING):
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
    """Called so that the tracer is traced with again before its caller returns, as it was when that was called."""


@contextmanager
def new_world() -> Iterator[None]:
    """A world as the template makes it. What was not changed since the last one is kept: building takes longest."""
    moto = mock_aws()
    moto.start(reset=False)
    try:
        with (
            mock.patch.object(BaseClient, "_make_api_call", call_moto),
            mock.patch.object(DynamoDBBackend, "transact_write_items", _transact),
        ):
            _build_again()
            yield
    finally:
        moto.stop(remove_data=False)


def _transact(backend: DynamoDBBackend, transact_items: list[dict[str, Any]]) -> None:
    """What moto's own does, which copies a whole table for each item to put it back if one is refused."""
    copies: dict[str, Table] = {}
    for operation in (operation for item in transact_items for operation in item.values()):
        table = backend.tables[operation["TableName"]]
        if table.name not in copies:
            copies[table.name] = copy.copy(table)
            copies[table.name].items = copy.copy(table.items)
        partition = DynamoType((operation.get("Key") or operation["Item"])[table.hash_key_attr])
        if partition in table.items:  # an update changes an item in its place
            copies[table.name].items[partition] = copy.deepcopy(table.items[partition])
    with mock.patch.object(Table, "__deepcopy__", lambda table, _memo: copies[table.name], create=True):
        _moto_transaction(backend, transact_items)


def _build_again() -> None:
    for service in sorted(_changed):
        get_backend(service)[ACCOUNT].reset()  # type: ignore[call-overload]
        if service in _BUILDERS:
            _BUILDERS[service]()
    _changed.clear()


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


_BUILDERS: dict[str, Callable[[], None]] = {
    "dynamodb": _build_tables,
    "kinesis": _build_streams,
    "s3": _build_buckets,
    "secretsmanager": _build_secrets,
    "sns": _build_topics,
    "sqs": _build_queues,
}
_changed = set(_BUILDERS)
