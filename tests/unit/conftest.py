"""A world for every unit test: the template's tables, stream, topic, queues and bucket, on moto, without a network.

The functions read their settings when they are imported, so the settings stand here, before any import of theirs.
"""

import json
import os
from collections.abc import Iterator
from functools import cache
from typing import Any

from tests.template import resources, template

_FAKE = {
    # As a safety measure: nothing that escapes moto can reach an account.
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_SESSION_TOKEN": "testing",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}
ACCOUNT = "123456789012"
_TABLE_PROPERTIES = (
    "BillingMode",
    "AttributeDefinitions",
    "KeySchema",
    "GlobalSecondaryIndexes",
    "StreamSpecification",
)
SIGNING_SECRET = "a secret of high entropy, as far as tests go"


def _setting(value: object) -> str:
    """What the template's ``value`` of an environment variable is in the tests' world."""
    match value:
        case {"Ref": str(name)}:
            return _reference(name)
        case {"Fn::Join": [str(separator), {"Ref": str(name)}]}:
            return separator.join(str(template()["Parameters"][name]["Default"]).split(","))
        case {"Fn::GetAtt": _}:
            return ""
        case _:
            return str(value)


def _reference(name: str) -> str:
    if name in template()["Parameters"]:
        return str(template()["Parameters"][name]["Default"])
    kind = template()["Resources"].get(name, {}).get("Type")
    names = {
        "AWS::SQS::Queue": lambda: f"https://sqs.us-east-1.amazonaws.com/{ACCOUNT}/{queue_name(name)}",
        "AWS::SNS::Topic": lambda: f"arn:aws:sns:us-east-1:{ACCOUNT}:{name}",
        "AWS::S3::Bucket": name.lower,
    }
    return names[kind]() if kind in names else name


def queue_name(logical_id: str) -> str:
    """The name of a queue in the tests' world."""
    return f"{logical_id}.fifo" if resources("AWS::SQS::Queue")[logical_id].get("FifoQueue") else logical_id


_settings = dict(template()["Globals"]["Function"]["Environment"]["Variables"])
for _function in resources("AWS::Serverless::Function").values():
    _settings |= {
        name: value for name, value in _function.get("Environment", {}).get("Variables", {}).items() if value != ""
    }
os.environ.update(_FAKE)
os.environ.update({name: _setting(value) for name, value in _settings.items()})

import boto3  # noqa: E402
import pytest  # noqa: E402
from moto import mock_aws  # noqa: E402
from pytest_socket import disable_socket  # noqa: E402

from sitewatch import api_tokens, keys, tokens  # noqa: E402

os.environ["TOKEN_PUBLIC_KEYS"] = json.dumps({"keys": [keys.public_jwk(keys.signing_key(SIGNING_SECRET).public_key())]})


@pytest.fixture(autouse=True)
def no_network() -> None:
    """A unit test that opens a socket is no unit test."""
    disable_socket(allow_unix_socket=True)


@pytest.fixture(autouse=True)
def world() -> Iterator[None]:
    """The template's resources, empty; what an instance of a function remembers is forgotten before and after."""
    with mock_aws():
        _forget()
        build_world()
        yield
    _forget()


@cache
def client(service: str) -> Any:
    """A client of the tests' own. Making one takes longer than the rest of a world does, so it is made once."""
    return boto3.client(service)


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
