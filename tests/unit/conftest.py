"""A world for every unit test: the template's tables, stream, topic, queues and bucket, on moto, without a network.

The functions read their settings when they are imported, so the settings stand here, before any import of theirs.
"""

import json
import logging
import os
from collections.abc import Iterator
from functools import cache
from io import StringIO
from typing import Any

from tests.environment import ACCOUNT, environment, queue_name
from tests.template import resources

_TABLE_PROPERTIES = (
    "BillingMode",
    "AttributeDefinitions",
    "KeySchema",
    "GlobalSecondaryIndexes",
    "StreamSpecification",
)
SIGNING_SECRET = "a secret of high entropy, as far as tests go"

os.environ.update(environment())

import boto3  # noqa: E402
import pytest  # noqa: E402
from argon2 import PasswordHasher  # noqa: E402
from moto import mock_aws  # noqa: E402
from pytest_socket import disable_socket  # noqa: E402

from sitewatch import api_tokens, keys, passwords, tokens  # noqa: E402
from sitewatch.observability import logger  # noqa: E402
from tests.unit.faults import calls_one_at_a_time  # noqa: E402

os.environ["TOKEN_PUBLIC_KEYS"] = json.dumps({"keys": [keys.public_jwk(keys.signing_key(SIGNING_SECRET).public_key())]})


@pytest.fixture(autouse=True)
def no_network() -> None:
    """A unit test that opens a socket is no unit test."""
    disable_socket(allow_unix_socket=True)


class Log:
    """What the functions have logged."""

    def __init__(self, stream: StringIO) -> None:
        self._stream = stream

    @property
    def text(self) -> str:
        return self._stream.getvalue()

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]


@pytest.fixture
def log() -> Iterator[Log]:
    """The log, of which pytest sees nothing: the logger has held its stream since before any test."""
    stream = StringIO()
    handler = logger.registered_handler
    assert isinstance(handler, logging.StreamHandler)
    before = handler.setStream(stream)
    yield Log(stream)
    handler.setStream(before)


@pytest.fixture
def cheap_hashing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2id with parameters that take no time, where hashing is not what a test is about."""
    hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(passwords, "_hasher", hasher)
    monkeypatch.setattr(passwords, "NOBODY", hasher.hash("no one's"))


@pytest.fixture(autouse=True)
def world() -> Iterator[None]:
    """The template's resources, empty; what an instance of a function remembers is forgotten before and after."""
    with mock_aws(), calls_one_at_a_time():
        _forget()
        build_world()
        yield
    _forget()


@cache
def client(service: str) -> Any:
    """A client of the tests' own. Making one takes longer than the rest of a world does, so it is made once."""
    create: Any = boto3.client
    return create(service)


def build_world() -> None:
    """Create the template's resources in the mock that is active."""
    dynamodb, sqs = client("dynamodb"), client("sqs")
    for name, properties in resources("AWS::DynamoDB::Table").items():
        table = {key: properties[key] for key in _TABLE_PROPERTIES if key in properties}
        if "StreamSpecification" in table:
            table["StreamSpecification"] = {"StreamEnabled": True, **table["StreamSpecification"]}
        dynamodb.create_table(TableName=name, **table)
    for name, properties in resources("AWS::SQS::Queue").items():
        sqs.create_queue(
            QueueName=queue_name(name), Attributes={"FifoQueue": "true"} if properties.get("FifoQueue") else {}
        )
    for name in resources("AWS::SNS::Topic"):
        topic = client("sns").create_topic(Name=name)["TopicArn"]
        client("sns").subscribe(
            TopicArn=topic,
            Protocol="sqs",
            Endpoint=f"arn:aws:sqs:us-east-1:{ACCOUNT}:AlertsQueue",
            Attributes={"RawMessageDelivery": "true"},
        )
    for name in resources("AWS::Kinesis::Stream"):
        client("kinesis").create_stream(StreamName=name, ShardCount=1)
    for name in resources("AWS::S3::Bucket"):
        client("s3").create_bucket(Bucket=name.lower())
    client("secretsmanager").create_secret(Name="TokenSecret", SecretString=SIGNING_SECRET)


def _forget() -> None:
    # Not the clients: they hold no state, whichever mock is active.
    keys.current_signing_key.cache_clear()
    tokens._public_keys.cache_clear()
    api_tokens._seen.clear()
