"""template.yaml as a whole: routes, settings, permissions, queues and streams."""

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import EndpointConnectionError

from lint.public_routes import PUBLIC
from sitewatch import errors
from sitewatch.errors import ErrorCode
from tests.world.calling import call, handler_of
from tests.world.code import settings_of
from tests.world.deployed import references
from tests.world.people import ALICE
from tests.world.template import preflights, resources, routes, template

FUNCTIONS = resources("AWS::Serverless::Function")
GLOBALS = template()["Globals"]["Function"]
QUEUES = resources("AWS::SQS::Queue")
MAPPINGS = resources("AWS::Lambda::EventSourceMapping")
ROUTES = sorted(routes())
PRIVATE = [route for route in ROUTES if route not in PUBLIC]
API_SECONDS = 29
"""How long API Gateway waits for a function."""
DEFAULT_RETENTION = 4 * 24 * 60 * 60

FOR_PEOPLE = {
    name for name, queue in template()["Resources"].items() if "NoDeadLetterQueue" in queue.get("Metadata", {})
}
FORWARDED = {
    "FailedJobsQueue": "its consumer marks each job as failed, then forwards it to a dead-letter queue for people",
}
"""Dead-letter queues with a consumer and a dead-letter queue of their own."""
WILDCARDS = {
    "secret:${AWS::StackName}/token-signing-key*": "Secrets Manager adds a random ending to its ARN",
    "secret:${AWS::StackName}/admin-password*": "as above, and it may not exist",
    "secret:${AWS::StackName}/sender-token*": "as above",
    "secret:${AWS::StackName}/hashing-key*": "Secrets Manager adds a random ending to its ARN",
    "${DetectionsTable.Arn}/index/*": "each filter reads an index, so all of them are read",
    "${AuditTable.Arn}/index/*": "as above",
    "${QuarantineBucket.Arn}/*": "objects are named after records",
    ":${AWS::AccountId}:key/*": "the key of the webhook's secret is not known here; a condition names the secret",
}


@pytest.fixture(autouse=True)
def world(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every service unreachable."""

    def fail(*_: object) -> None:
        raise EndpointConnectionError(endpoint_url="nowhere")

    monkeypatch.setattr(BaseClient, "_make_api_call", fail)
    monkeypatch.setattr("portal.health._checked_at", float("-inf"))


# --- routes ---------------------------------------------------------------------------------------


def _path(resource: str) -> dict[str, str] | None:
    """A value for each parameter in the path of ``resource``."""
    return dict.fromkeys(re.findall(r"{(\w+)}", resource), "x") or None


@pytest.mark.parametrize(("name", "function"), FUNCTIONS.items(), ids=list(FUNCTIONS))
def test_every_handler_can_be_imported_and_called(name: str, function: dict[str, Any]) -> None:
    assert callable(handler_of(function["Handler"]))


@pytest.mark.parametrize(("method", "resource"), PRIVATE)
def test_a_private_route_rejects_a_request_without_a_token(method: str, resource: str) -> None:
    answer = call(method, resource, path=_path(resource), body="{")
    assert (answer.status, answer.json["msg"]) == (401, "Missing Authorization Header")
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(("method", "resource"), PRIVATE)
def test_a_private_route_rejects_a_malformed_token(method: str, resource: str) -> None:
    answer = call(method, resource, token="garbage", path=_path(resource))
    assert (answer.status, answer.json["msg"]) == (401, "Not enough segments")


@pytest.mark.parametrize(("method", "resource"), sorted(PUBLIC))
def test_a_public_route_needs_no_token(method: str, resource: str) -> None:
    form = ALICE if resource in ("/token", "/auth/login") else None
    answer = call(method, resource, path=_path(resource), form=form)
    # No service can be reached, so some fail; but none requires a token.
    assert answer.status in (200, 400, 404, 500, 503)


def test_every_public_route_exists() -> None:
    assert set(ROUTES) >= PUBLIC


def test_every_path_has_a_preflight_that_one_function_answers_under_one_permission() -> None:
    assert set(preflights()) == {path for _, path in routes()}
    for integration in preflights().values():
        assert references(integration["uri"]) == {"PreflightFunction"}
    assert FUNCTIONS["PreflightFunction"].get("Events", {}) == {}
    [permission] = resources("AWS::Lambda::Permission").values()
    assert permission["FunctionName"] == {"Ref": "PreflightFunction"}
    assert permission["SourceArn"]["Fn::Sub"].endswith(":${Api}/*/OPTIONS/*")


def test_every_route_belongs_to_the_api_and_has_a_method() -> None:
    for _, event in _events("Api"):
        assert event["RestApiId"] == {"Ref": "Api"}
        assert event["Method"] in {"get", "head", "post", "put", "patch", "delete"}


def test_no_route_has_two_functions() -> None:
    found = [(event["Method"], event["Path"]) for _, event in _events("Api")]
    assert len(found) == len(set(found))


def test_an_endpoint_times_out_before_the_gateway_does() -> None:
    for name, _ in _events("Api"):
        assert _timeout(name) <= API_SECONDS


@pytest.mark.parametrize("kind", template()["Resources"]["Api"]["Properties"]["GatewayResponses"])
def test_the_gateways_own_errors_have_the_shape_of_every_error(kind: str) -> None:
    response = template()["Resources"]["Api"]["Properties"]["GatewayResponses"][kind]
    body = json.loads(response["ResponseTemplates"]["application/json"])
    assert set(body) == {"code", "subcode", "error", "detail"}
    assert body["code"] == response["StatusCode"]
    assert ErrorCode(body["code"], body["subcode"], body["error"]) in vars(errors).values()
    headers = response["ResponseParameters"]["Headers"]
    assert ("Retry-After" in headers) == (body["code"] == 429)
    assert headers["Strict-Transport-Security"] == "'max-age=31536000'"
    assert headers["X-Content-Type-Options"] == "'nosniff'"


def _events(kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, function in FUNCTIONS.items():
        for event in function.get("Events", {}).values():
            if event["Type"] == kind:
                yield name, event["Properties"]


def _timeout(function: str) -> int:
    return int(FUNCTIONS[function].get("Timeout", GLOBALS["Timeout"]))


# --- settings -------------------------------------------------------------------------------------


def _own(function: str) -> dict[str, Any]:
    own: dict[str, Any] = FUNCTIONS[function].get("Environment", {}).get("Variables", {})
    return own


@cache
def _read(function: str) -> set[str]:
    module, _, name = FUNCTIONS[function]["Handler"].rpartition(".")
    return settings_of(module, name)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_gets_every_setting_that_it_reads(function: str) -> None:
    given = {**GLOBALS["Environment"]["Variables"], **_own(function)}
    assert _read(function) <= {name for name, value in given.items() if value != ""}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_has_no_setting_of_its_own_that_it_does_not_read(function: str) -> None:
    assert {name for name, value in _own(function).items() if value != ""} <= _read(function)


def test_every_global_setting_is_read_by_a_function() -> None:
    read = set().union(*(_read(function) for function in FUNCTIONS))
    libraries = ("POWERTOOLS_", "PYDANTIC_")
    assert {name for name in GLOBALS["Environment"]["Variables"] if not name.startswith(libraries)} <= read


def test_only_functions_that_issue_tokens_may_read_the_secret_and_get_its_name() -> None:
    named = {name for name in FUNCTIONS if "TOKEN_SECRET" in _own(name)}
    may = {name for name in FUNCTIONS if any("token-signing-key" in str(one) for one in _statements(name))}
    assert named == may
    assert named == {
        "ProvisionSigningKeyFunction",
        "PostTokenFunction",
        "PostAuthLoginFunction",
        "PostAuthRefreshFunction",
        "PostLoginFunction",
        "PostApiTokensFunction",
        "ProvisionApiTokenFunction",
    }


# --- permissions ----------------------------------------------------------------------------------


def _statements(function: str) -> list[dict[str, Any]]:
    stated = [statement for policy in FUNCTIONS[function].get("Policies", []) for statement in policy["Statement"]]
    # A conditional statement is ``!If [condition, statement, !Ref AWS::NoValue]``.
    return [statement["Fn::If"][1] if "Fn::If" in statement else statement for statement in stated]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


ALL_STATEMENTS = [
    pytest.param(statement, id=f"{name} {number}")
    for name in FUNCTIONS
    for number, statement in enumerate(_statements(name))
]


@pytest.mark.parametrize("statement", ALL_STATEMENTS)
def test_no_permission_allows_a_scan(statement: dict[str, Any]) -> None:
    assert statement["Effect"] == "Allow"
    assert "dynamodb:Scan" not in _listed(statement["Action"])


@pytest.mark.parametrize("statement", ALL_STATEMENTS)
def test_a_permission_names_its_resources_or_has_a_reason_not_to(statement: dict[str, Any]) -> None:
    for resource in _listed(statement["Resource"]):
        text = resource if isinstance(resource, str) else str(next(iter(resource.values())))
        if "*" in text:
            assert any(text.endswith(known) for known in WILDCARDS), text


def test_a_function_reads_and_writes_only_its_own_routes_entries_of_requests() -> None:
    found = 0
    for name in FUNCTIONS:
        own = [f"{event['Method'].upper()} {event['Path']}#*" for each, event in _events("Api") if each == name]
        for statement in _statements(name):
            if {"Fn::GetAtt": "IdempotencyTable.Arn"} in _listed(statement["Resource"]):
                assert statement["Condition"] == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": own}}, name
                found += 1
    assert found >= 5


def test_every_reason_for_a_wildcard_is_needed() -> None:
    every = str([_statements(name) for name in FUNCTIONS])
    assert [known for known in WILDCARDS if known not in every] == []


def test_a_function_has_no_role_but_its_own() -> None:
    for function in FUNCTIONS.values():
        assert "Role" not in function
        assert all(isinstance(policy, dict) for policy in function.get("Policies", []))


def test_functions_append_to_the_audit_log_or_list_it_and_none_may_change_it() -> None:
    every = {
        (name, action)
        for name in FUNCTIONS
        for statement in _statements(name)
        if "AuditTable" in str(statement["Resource"])
        for action in _listed(statement["Action"])
    }
    assert {action for _, action in every} == {"dynamodb:PutItem", "dynamodb:Query"}
    assert {name for name, action in every if action == "dynamodb:Query"} == {"GetAuditFunction"}
    assert "GetAuditFunction" not in {name for name, action in every if action == "dynamodb:PutItem"}


def test_only_functions_of_accounts_may_read_a_user() -> None:
    may = {
        name
        for name in FUNCTIONS
        for statement in _statements(name)
        for resource in _listed(statement["Resource"])
        if resource == {"Fn::GetAtt": "UsersTable.Arn"} and set(_listed(statement["Action"])) - {"dynamodb:PutItem"}
    }
    others = {name for name in may if not FUNCTIONS[name]["Handler"].startswith("accounts.")}
    # Two checks of health, and four that look up whether users exist.
    assert others == {
        "CheckFunction",
        "GetReadyFunction",
        "GetMessagesFunction",
        "WorkJobsFunction",
        "PostActFunction",
        "PostActsFunction",
    }


def test_a_queue_accepts_messages_from_its_topic_only() -> None:
    stated = [
        statement
        for policy in resources("AWS::SQS::QueuePolicy").values()
        for statement in policy["PolicyDocument"]["Statement"]
    ]
    [allowed] = [statement for statement in stated if statement.get("Effect") == "Allow"]
    assert allowed["Action"] == "sqs:SendMessage"
    assert allowed["Principal"] == {"Service": "sns.amazonaws.com"}
    assert "aws:SourceArn" in allowed["Condition"]["ArnEquals"]


def test_no_index_has_password_hashes() -> None:
    for index in resources("AWS::DynamoDB::Table")["UsersTable"]["GlobalSecondaryIndexes"]:
        projection = index["Projection"]
        assert projection["ProjectionType"] != "ALL"
        assert "password_hash" not in projection.get("NonKeyAttributes", [])


# --- queues and streams ---------------------------------------------------------------------------


def _target(arn: Any) -> str:
    """The logical id in ``!GetAtt X.Arn`` or ``!GetAtt X.StreamArn``."""
    name, _, attribute = arn["Fn::GetAtt"].partition(".")
    assert attribute in ("Arn", "StreamArn")
    return str(name)


DEAD_LETTER_QUEUES = {
    _target(queue["RedrivePolicy"]["deadLetterTargetArn"]): name
    for name, queue in QUEUES.items()
    if "RedrivePolicy" in queue
}
OF_QUEUES = {name: mapping for name, mapping in MAPPINGS.items() if _target(mapping["EventSourceArn"]) in QUEUES}
OF_STREAMS = {name: mapping for name, mapping in MAPPINGS.items() if name not in OF_QUEUES}


@pytest.mark.parametrize(("dead", "alive"), DEAD_LETTER_QUEUES.items())
def test_a_dead_letter_queue_keeps_messages_longer_than_its_source_queue(dead: str, alive: str) -> None:
    # SQS counts from when a message was first sent.
    kept, waited = (QUEUES[name].get("MessageRetentionPeriod", DEFAULT_RETENTION) for name in (dead, alive))
    assert kept > waited


def test_no_dead_letter_queue_or_queue_for_people_is_consumed_without_a_reason() -> None:
    consumed = {_target(mapping["EventSourceArn"]) for mapping in OF_QUEUES.values()}
    assert consumed & (DEAD_LETTER_QUEUES.keys() | FOR_PEOPLE) == set(FORWARDED)


@pytest.mark.parametrize("name", OF_STREAMS)
def test_a_stream_reader_starts_with_the_oldest_record_and_may_report_failed_batches(name: str) -> None:
    mapping = OF_STREAMS[name]
    failures = mapping["DestinationConfig"]["OnFailure"]["Destination"]

    assert mapping["StartingPosition"] == "TRIM_HORIZON"
    assert _target(failures) in QUEUES
    # Lambda sends there with the function's role.
    statements = _statements(mapping["FunctionName"]["Ref"])
    assert any(
        "sqs:SendMessage" in _listed(statement["Action"]) and failures in _listed(statement["Resource"])
        for statement in statements
    )


def test_batches_of_the_counted_stream_are_never_bisected() -> None:
    # The counter commits the position it has reached in the whole shard.
    assert "BisectBatchOnFunctionError" not in MAPPINGS["FollowDetectionsMapping"]
    assert MAPPINGS["FollowDetectionsMapping"]["TumblingWindowInSeconds"] > 0
    assert MAPPINGS["FollowDetectionsMapping"].get("ParallelizationFactor", 1) == 1


def test_everything_at_rest_is_encrypted() -> None:
    own_key = {"Fn::If": ["HasOwnKey", {"Fn::GetAtt": "DataKey.Arn"}, {"Ref": "AWS::NoValue"}]}
    for table in resources("AWS::DynamoDB::Table").values():
        assert table["SSESpecification"]["SSEEnabled"] is True
        assert table["SSESpecification"]["KMSMasterKeyId"] == own_key
    for queue in QUEUES.values():
        assert queue["SqsManagedSseEnabled"] == {"Fn::If": ["HasOwnKey", {"Ref": "AWS::NoValue"}, True]}
        assert queue["KmsMasterKeyId"] == own_key
    for stream in resources("AWS::Kinesis::Stream").values():
        assert stream["StreamEncryption"]["EncryptionType"] == "KMS"
    for secret in resources("AWS::SecretsManager::Secret").values():
        assert secret["KmsKeyId"] == own_key


def test_no_parameter_with_a_password_is_echoed_or_has_a_default() -> None:
    for name, parameter in template()["Parameters"].items():
        if name.endswith("Password"):
            assert (parameter["NoEcho"], parameter["Default"]) == (True, "")
