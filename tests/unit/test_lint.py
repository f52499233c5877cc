"""Our cfn-lint rules: each reports a template that breaks it, and passes one that does not."""

from functools import cache
from typing import Any

import pytest
import yaml
from cfnlint.rules import RulesCollection

from lint.__main__ import findings, our_rules
from lint.queries import unbounded

FUNCTION = {
    "Type": "AWS::Serverless::Function",
    "Properties": {
        "CodeUri": "functions/",
        "Handler": "jobs.on_queue_work.handler",
        "Runtime": "python3.13",
        "Timeout": 20,
        "LoggingConfig": {"LogGroup": {"Ref": "Log"}},
    },
}
LOG = {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": 90}}
QUEUE = {
    "Type": "AWS::SQS::Queue",
    "Properties": {
        "VisibilityTimeout": 120,
        "RedrivePolicy": {"deadLetterTargetArn": {"Fn::GetAtt": ["Dead", "Arn"]}, "maxReceiveCount": 5},
    },
}
DEAD = {"Type": "AWS::SQS::Queue"}
STREAM = {"Type": "AWS::Kinesis::Stream"}
FAILURES = {"DestinationConfig": {"OnFailure": {"Destination": {"Fn::GetAtt": ["Dead", "Arn"]}}}}
API = {
    "Type": "AWS::Serverless::Api",
    "Properties": {"StageName": "v1", "OpenApiVersion": "2.0", "Auth": {"DefaultAuthorizer": "NONE"}},
}


@pytest.fixture(autouse=True)
def world() -> None:
    """No table is needed here."""


@cache
def _rules() -> RulesCollection:
    return our_rules()


def _found(**resources: Any) -> list[str]:
    """Our rules' findings in a template with these resources."""
    template = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Transform": "AWS::Serverless-2016-10-31",
        "Resources": resources,
    }
    return findings(yaml.safe_dump(template), _rules())


def _with(resource: dict[str, Any], **properties: Any) -> dict[str, Any]:
    """A resource with changed properties; None removes one."""
    changed = {**resource.get("Properties", {}), **properties}
    return {**resource, "Properties": {name: value for name, value in changed.items() if value is not None}}


def _mapping(source: str, **properties: Any) -> dict[str, Any]:
    return {
        "Type": "AWS::Lambda::EventSourceMapping",
        "Properties": {
            "FunctionName": {"Ref": "Work"},
            "EventSourceArn": {"Fn::GetAtt": [source, "Arn"]},
            **properties,
        },
    }


def _reader_of_the_stream(**properties: Any) -> list[str]:
    mapping = _mapping("Stream", StartingPosition="TRIM_HORIZON", **properties)
    dead = {**DEAD, "Metadata": {"NoDeadLetterQueue": "people read it"}}
    return _found(Work=FUNCTION, Log=LOG, Stream=STREAM, Dead=dead, Mapping=mapping)


def _worker_of_the_queue(**changed: Any) -> list[str]:
    return _found(
        **{"Work": FUNCTION, "Log": LOG, "Queue": QUEUE, "Dead": DEAD, "Mapping": _mapping("Queue"), **changed}
    )


BOUNDED = {**FAILURES, "MaximumRetryAttempts": 20, "MaximumRecordAgeInSeconds": 86400}


# --- E9001: asynchronous consumers ----------------------------------------------------------------


def test_a_stream_reader_with_bounded_retries_passes() -> None:
    assert _reader_of_the_stream(**BOUNDED) == []


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"DestinationConfig": {}}, "no on-failure destination"),
        ({"MaximumRetryAttempts": -1}, "MaximumRetryAttempts"),
        ({"MaximumRecordAgeInSeconds": -1}, "MaximumRecordAgeInSeconds"),
    ],
)
def test_a_stream_reader_that_may_lose_records_or_retry_forever_is_reported(
    broken: dict[str, Any], message: str
) -> None:
    [finding] = _reader_of_the_stream(**{**BOUNDED, **broken})
    assert finding.startswith("E9001")
    assert message in finding


def test_a_queue_worker_with_a_dead_letter_queue_passes() -> None:
    assert _worker_of_the_queue() == []


def test_a_queue_worker_without_a_dead_letter_queue_is_reported() -> None:
    queue = {**_with(QUEUE, RedrivePolicy=None), "Metadata": {"NoDeadLetterQueue": "a reason"}}
    found = _worker_of_the_queue(Queue=queue, Dead={**DEAD, "Metadata": {"NoDeadLetterQueue": "a reason"}})
    assert [line.partition(" ")[0] for line in found] == ["E9001"]


def test_a_queue_worker_with_unbounded_retries_is_reported() -> None:
    redrive = {**QUEUE["Properties"]["RedrivePolicy"], "maxReceiveCount": 1000}  # type: ignore[index]
    [finding] = _worker_of_the_queue(Queue=_with(QUEUE, RedrivePolicy=redrive))
    assert finding.startswith("E9001")
    assert "maxReceiveCount" in finding


def _scheduled(**properties: Any) -> list[str]:
    tick = {"Tick": {"Type": "Schedule", "Properties": {"Schedule": "rate(1 minute)"}}}
    dead = {**DEAD, "Metadata": {"NoDeadLetterQueue": "people read it"}}
    return _found(Work=_with(FUNCTION, Events=tick, **properties), Log=LOG, Dead=dead)


def test_a_scheduled_function_with_an_on_failure_destination_passes() -> None:
    failures = {"Type": "SQS", "Destination": {"Fn::GetAtt": ["Dead", "Arn"]}}
    config = {
        "MaximumRetryAttempts": 1,
        "MaximumEventAgeInSeconds": 600,
        "DestinationConfig": {"OnFailure": failures},
    }
    assert _scheduled(EventInvokeConfig=config) == []


def test_a_scheduled_function_without_an_on_failure_destination_is_reported() -> None:
    found = _scheduled()
    assert [line.partition(" ")[0] for line in found] == ["E9001", "E9001"]
    assert "on-failure" in found[0]
    assert "retries" in found[1]


def test_a_subscription_without_a_dead_letter_queue_is_reported_unless_it_is_email() -> None:
    def subscription(protocol: str) -> dict[str, Any]:
        return {
            "Type": "AWS::SNS::Subscription",
            "Properties": {"TopicArn": {"Ref": "Topic"}, "Protocol": protocol, "Endpoint": "someone@example.com"},
        }

    topic = {"Type": "AWS::SNS::Topic"}
    assert _found(Topic=topic, Subscription=subscription("email")) == []
    [finding] = _found(Topic=topic, Subscription=subscription("sqs"))
    assert finding.startswith("E9001")
    assert "RedrivePolicy" in finding


# --- E9002 and E9003: functions -------------------------------------------------------------------


def test_a_function_without_a_log_group_in_the_template_is_reported() -> None:
    [finding] = _found(Work=_with(FUNCTION, LoggingConfig=None))
    assert finding.startswith("E9002")
    assert "has no log group" in finding


def test_a_log_group_without_retention_is_reported() -> None:
    [finding] = _found(Work=FUNCTION, Log=_with(LOG, RetentionInDays=None))
    assert finding.startswith("E9002")
    assert "RetentionInDays" in finding


def test_a_timeout_over_a_sixth_of_the_visibility_timeout_is_reported() -> None:
    slow = _with(FUNCTION, Timeout=21)
    mapping = _mapping("Queue")
    [finding] = _worker_of_the_queue(Work=slow, Mapping=mapping)
    assert finding.startswith("E9003")
    assert "21 s" in finding


# --- E9004: queues --------------------------------------------------------------------------------


def test_a_queue_with_neither_a_dead_letter_queue_nor_a_reason_is_reported() -> None:
    [finding] = _found(Queue={"Type": "AWS::SQS::Queue"})
    assert finding.startswith("E9004")


def test_a_queue_with_a_reason_for_having_no_dead_letter_queue_passes() -> None:
    assert _found(Queue={"Type": "AWS::SQS::Queue", "Metadata": {"NoDeadLetterQueue": "people read it"}}) == []


def test_an_unneeded_reason_is_reported() -> None:
    [finding] = _found(Queue={**QUEUE, "Metadata": {"NoDeadLetterQueue": "people read it"}}, Dead=DEAD)
    assert finding.startswith("E9004")
    assert "needs no" in finding


# --- E9005: permissions ---------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["*", "dynamodb:*", ["sqs:SendMessage", "s3:Get*"]])
def test_a_wildcard_in_an_action_is_reported(action: Any) -> None:
    policy = {"Statement": [{"Effect": "Allow", "Action": action, "Resource": "arn:aws:s3:::x"}]}
    [finding] = _found(Work=_with(FUNCTION, Policies=[policy]), Log=LOG)
    assert finding.startswith("E9005")


def test_a_conditional_permission_is_checked_too() -> None:
    statement = {"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::x"}
    policy = {"Statement": [{"Fn::If": ["Never", statement, {"Ref": "AWS::NoValue"}]}]}
    [finding] = _found(Work=_with(FUNCTION, Policies=[policy]), Log=LOG)
    assert finding.startswith("E9005")


@pytest.mark.parametrize(("principal", "found"), [("arn:aws:iam::${AWS::AccountId}:root", 0), ("*", 1)])
def test_a_key_policy_may_trust_the_account_and_nobody_else(principal: str, found: int) -> None:
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": {"Fn::Sub": principal}},
        "Action": "kms:*",
        "Resource": "*",
    }
    key = {"Type": "AWS::KMS::Key", "Properties": {"KeyPolicy": {"Version": "2012-10-17", "Statement": [statement]}}}
    assert [line.partition(" ")[0] for line in _found(Key=key)] == ["E9005"] * found


# --- E9006: routes --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "found"),
    [
        ("get", "/check", 0),
        ("get", "/detections", 0),
        ("get", "/api/event/{event_id}", 0),
        ("options", "/detections", 0),
        ("get", "/no/such/route", 1),
        ("get", "/check/everything", 1),
    ],
)
def test_a_public_route_that_is_not_on_the_allow_list_is_reported(method: str, path: str, found: int) -> None:
    route = {"Type": "Api", "Properties": {"Path": path, "Method": method, "RestApiId": {"Ref": "Api"}}}
    api = API
    lines = _found(Work=_with(FUNCTION, Events={"Route": route}), Log=LOG, Api=api)
    assert [line.partition(" ")[0] for line in lines] == ["E9006"] * found


def test_a_public_route_removed_from_the_allow_list_is_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    route = {"Type": "Api", "Properties": {"Path": "/users", "Method": "post", "RestApiId": {"Ref": "Api"}}}
    api = API
    [rule] = [rule for rule in _rules() if rule.id == "E9006"]
    monkeypatch.setitem(type(rule).match.__globals__, "ALLOWED", set())
    [finding] = _found(Work=_with(FUNCTION, Events={"Route": route}), Log=LOG, Api=api)
    assert "POST /users" in finding  # its token is optional


# --- E9007: stages --------------------------------------------------------------------------------


@pytest.mark.parametrize(("version", "found"), [({}, 1), ({"OpenApiVersion": "2.0"}, 0)])
def test_a_second_stage_of_the_api_is_reported(version: dict[str, str], found: int) -> None:
    route = {"Type": "Api", "Properties": {"Path": "/check", "Method": "get", "RestApiId": {"Ref": "Api"}}}
    properties = {"StageName": "v1", "Auth": {"DefaultAuthorizer": "NONE"}, **version}
    api = {"Type": "AWS::Serverless::Api", "Properties": properties}
    lines = _found(Work=_with(FUNCTION, Events={"Route": route}), Log=LOG, Api=api)
    assert [line.partition(" ")[0] for line in lines] == ["E9007"] * found


# --- E9008: queries -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source",
    [
        "Record.query(key, limit=10)",
        "next(Record.query(key), None)",
        "Record.by_time.query(\n    key,  # bounded: by a day\n    condition,\n)",
        "# bounded: by a day\nRecord.query(key)",
        "request.query",
    ],
)
def test_a_query_with_a_bound_passes(source: str) -> None:
    assert list(unbounded(source)) == []


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("list(Record.query(key))", "without limit="),
        ("Record.by_time.query(key, page_size=10)", "without limit="),
        ("next(iter(Record.query(key)))", "without limit="),
        ("for one in Record.query(key):  # all\n    pass", "without limit="),
        ("Record.scan(limit=1)", "a whole table"),
        ("Record.query(key, limit=10)  # bounded: by a day", "needs no comment"),
        ("number = 1  # bounded: by a day", "no query"),
    ],
)
def test_a_query_without_a_bound_is_reported(source: str, message: str) -> None:
    [finding] = unbounded(source)
    assert finding.startswith("E9008 line 1: ")
    assert message in finding
