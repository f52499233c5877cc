"""The stack of `sam deploy --config-env prod`: the templates transformed, their conditions and references resolved."""

import copy
import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from lint.public_routes import PUBLIC
from sitewatch.observability import count_failed_login, count_unexpected_error
from tests.world.deployed import (
    Decided,
    monitoring,
    production_parameters,
    references,
    samconfig,
    system,
    transformed,
)
from tests.world.template import ROOT, read_template, routes, template

MAX_RESOURCES = 350
"""CloudFormation allows 500 in a template, conditions or not; the rest is room for new endpoints."""
MAX_RESOURCES_PER_ENDPOINT = 4
MAX_METRICS_PER_ALARM = 10
MAX_ROLLBACK_TRIGGERS = 5
OPERATIONS = "docs/operations.md#"
ALARMS = {
    name: resource["Properties"]
    for name, resource in read_template("monitoring.yaml")["Resources"].items()
    if resource["Type"] == "AWS::CloudWatch::Alarm"
}

pytestmark = pytest.mark.xdist_group("templates")  # SAM's transform takes a second, so one process does it for all

# The stacks under test, by their parameters.


def production() -> Decided:
    return system(**production_parameters())


def everything() -> Decided:
    return system(
        **production_parameters(),
        EventSender="on",
        DataSourceUrl="https://example.com",
        CustomerManagedKey="on",
    )


def locally() -> Decided:
    return system(Environment="local")


@pytest.fixture(autouse=True)
def world() -> None:
    """No table is needed here."""


def _kebab(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()


def _dimensions(alarm: dict[str, Any]) -> list[dict[str, Any]]:
    """The dimensions of each metric that an alarm watches."""
    if "MetricName" in alarm:
        return list(alarm.get("Dimensions", []))
    metrics = [each["MetricStat"]["Metric"] for each in alarm["Metrics"] if "MetricStat" in each]
    return [dimension for metric in metrics for dimension in metric["Dimensions"]]


def _passed() -> dict[str, Any]:
    """The parameters that the stack passes to its monitoring."""
    passed: dict[str, Any] = everything().resources["Monitoring"]["Properties"]["Parameters"]
    return passed


# --- limits ---------------------------------------------------------------------------------------


def test_the_stack_leaves_room_for_more_endpoints() -> None:
    # Whatever the conditions: CloudFormation counts the resources that a template declares, not those it creates.
    assert len(transformed(**production_parameters())["Resources"]) <= MAX_RESOURCES


def test_another_endpoint_costs_few_resources() -> None:
    endpoint = copy.deepcopy(template()["Resources"]["GetUsersFunction"])
    endpoint["Properties"]["Events"]["Route"]["Properties"]["Path"] = "/another"
    before = transformed(**production_parameters())["Resources"].keys()
    after = transformed({"GetAnotherFunction": endpoint}, **production_parameters())["Resources"].keys()
    added = {name for name in after - before if "Deployment" not in name}  # the API's: each change renames it
    assert 1 < len(added) <= MAX_RESOURCES_PER_ENDPOINT


def test_no_alarm_has_more_metrics_than_allowed() -> None:
    for name, alarm in ALARMS.items():
        assert len([each for each in alarm.get("Metrics", []) if "MetricStat" in each]) <= MAX_METRICS_PER_ALARM, name


# --- references -----------------------------------------------------------------------------------


@pytest.mark.parametrize("decided", [production, everything, monitoring, locally])
def test_every_reference_is_to_something_that_is_created(decided: Callable[[], Decided]) -> None:
    stack = decided()
    known = stack.resources.keys() | stack.parameters
    for name, resource in stack.resources.items():
        assert references(resource.get("Properties", {})) <= known, name
    for name, output in stack.outputs.items():
        assert references(output) <= known, name


def test_the_stack_passes_its_monitoring_every_parameter_and_no_other() -> None:
    assert _passed().keys() == read_template("monitoring.yaml")["Parameters"].keys()


def test_each_monitoring_parameter_refers_to_the_resource_of_its_name() -> None:
    for name, value in _passed().items():
        if name.endswith(("Function", "Table", "Queue", "Stream")):
            assert references(value) == {name}


def test_every_monitoring_parameter_is_used() -> None:
    used = references(read_template("monitoring.yaml")["Resources"]) | references(
        read_template("monitoring.yaml")["Conditions"]
    )
    assert read_template("monitoring.yaml")["Parameters"].keys() <= used


# --- rolling back ---------------------------------------------------------------------------------


def test_no_function_has_versions() -> None:
    kinds = {each["Type"] for each in everything().resources.values()}
    assert not kinds & {"AWS::Lambda::Version", "AWS::Lambda::Alias", "AWS::CodeDeploy::DeploymentGroup"}


def test_a_few_alarms_roll_the_whole_stack_back() -> None:
    [[separator, arns]] = read_template("monitoring.yaml")["Outputs"]["RollbackTriggers"]["Value"].values()
    triggers = references(arns)
    assert separator == ","
    assert triggers == {"FunctionErrors", "UnexpectedErrors", "ApiServerErrors"}
    assert len(arns) <= MAX_ROLLBACK_TRIGGERS
    # CloudFormation watches for five minutes, so a trigger has to go off within them.
    for alarm in (ALARMS[name] for name in triggers):
        period = alarm["Period"] if "Period" in alarm else alarm["Metrics"][0]["Period"]
        assert period * alarm["EvaluationPeriods"] <= 180
    assert references(production().outputs["RollbackTriggers"]) == {"Monitoring"}


# --- alarms ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_notifies_the_one_topic_and_says_what_to_do(name: str) -> None:
    alarm = ALARMS[name]
    assert alarm["AlarmName"] == {"Fn::Sub": f"${{SystemName}}-{name}"}
    assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": "AlarmsTopic"}]
    assert alarm["TreatMissingData"] == "notBreaching"
    assert alarm["AlarmDescription"].endswith(f" {OPERATIONS}{_kebab(name)}")


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_watches_something_in_the_stack(name: str) -> None:
    for dimension in _dimensions(ALARMS[name]):
        match dimension["Value"]:
            case {"Ref": str(parameter)}:
                assert references(_passed()[parameter]) <= everything().resources.keys() | {"Api"}
                assert _passed()[parameter] != ""
            case value:
                assert dimension["Name"] in ("Method", "Resource", "service"), value


def test_the_measured_routes_are_those_with_their_own_metrics() -> None:
    settings = production().resources["Apiv1Stage"]["Properties"]["MethodSettings"]
    measured = {
        (each["HttpMethod"], each["ResourcePath"].replace("~1", "/").replace("//", "/"))
        for each in settings
        if each.get("MetricsEnabled")
    }
    watched = {
        tuple(each["Value"] for each in metric["MetricStat"]["Metric"]["Dimensions"][2:])
        for metric in ALARMS["ApiLatency"]["Metrics"]
        if "MetricStat" in metric
    }
    assert watched == measured


def _people_read(queue: dict[str, Any], name: str) -> bool:
    """Whether a queue is a dead-letter queue, or one that only people read."""
    targets = [each.get("RedrivePolicy", {}) for each in everything().of_type("AWS::SQS::Queue").values()]
    return name in references(targets) or "NoDeadLetterQueue" in queue.get("Metadata", {})


def test_every_queue_of_failed_messages_has_an_alarm() -> None:
    queues = {name: each for name, each in everything().resources.items() if each["Type"] == "AWS::SQS::Queue"}
    wanted = {name for name, queue in queues.items() if _people_read(queue, name)}
    watched = {
        dimension["Value"]["Ref"]
        for alarm in ALARMS.values()
        for dimension in _dimensions(alarm)
        if dimension["Name"] == "QueueName"
    }
    assert watched == wanted
    assert wanted >= {"QuarantineQueue", "AlertsDeadLetterQueue", "JobsDeadLetterQueue", "StreamFailuresQueue"}


QUERIES = {
    "FunctionErrors": (
        'SELECT SUM(Errors) FROM SCHEMA("AWS/Lambda", FunctionName) GROUP BY FunctionName ORDER BY SUM() DESC'
    ),
    "UnexpectedErrors": (
        "SELECT SUM(UnexpectedErrors) FROM SCHEMA(Sitewatch, function_name, service)"
        " GROUP BY function_name ORDER BY SUM() DESC"
    ),
    "FunctionThrottles": (
        'SELECT SUM(Throttles) FROM SCHEMA("AWS/Lambda", FunctionName) GROUP BY FunctionName ORDER BY SUM() DESC'
    ),
    "StreamLag": (
        'SELECT MAX(IteratorAge) FROM SCHEMA("AWS/Lambda", FunctionName) GROUP BY FunctionName ORDER BY MAX() DESC'
    ),
    "TableThrottles": (
        'SELECT SUM(WriteThrottleEvents) FROM SCHEMA("AWS/DynamoDB", TableName) GROUP BY TableName ORDER BY SUM() DESC'
    ),
    "IndexThrottles": (
        'SELECT SUM(WriteThrottleEvents) FROM SCHEMA("AWS/DynamoDB", GlobalSecondaryIndexName, TableName)'
        " GROUP BY GlobalSecondaryIndexName, TableName ORDER BY SUM() DESC"
    ),
    "RuleFailures": (
        'SELECT SUM(FailedInvocations) FROM SCHEMA("AWS/Events", RuleName) GROUP BY RuleName ORDER BY SUM() DESC'
    ),
}
"""CloudWatch requires both clauses for an alarm with a contributor for each resource."""


def test_alarms_over_all_resources_group_by_resource_and_name_none() -> None:
    expressions = {
        name: each["Expression"]
        for name, alarm in ALARMS.items()
        for each in alarm.get("Metrics", [])
        if each.get("Expression", "").startswith("SELECT")
    }
    assert expressions == QUERIES
    assert [name for name in read_template("monitoring.yaml")["Parameters"] if name.endswith("Function")] == []


def test_a_function_counts_its_unexpected_errors_as_the_alarm_reads_them(capsys: pytest.CaptureFixture[str]) -> None:
    count_unexpected_error("GetUsers")
    blob = json.loads(capsys.readouterr().out)
    [metrics] = blob["_aws"]["CloudWatchMetrics"]
    assert metrics["Namespace"] == "Sitewatch"
    assert sorted(metrics["Dimensions"][0]) == ["function_name", "service"]
    assert blob["UnexpectedErrors"] == [1.0]


def test_alarms_go_to_an_encrypted_topic_that_cloudwatch_may_use() -> None:
    topic = monitoring().resources["AlarmsTopic"]["Properties"]
    assert references(topic["KmsMasterKeyId"]) == {"AlarmsKey"}
    statements = monitoring().resources["AlarmsKey"]["Properties"]["KeyPolicy"]["Statement"]
    [allowed] = [each for each in statements if each["Principal"] == {"Service": "cloudwatch.amazonaws.com"}]
    assert set(allowed["Action"]) == {"kms:Decrypt", "kms:GenerateDataKey"}


def test_an_alarm_email_is_optional() -> None:
    assert "AlarmsEmail" not in monitoring().resources
    asked = Decided(read_template("monitoring.yaml"), dict.fromkeys(_passed(), "x"))
    assert asked.resources["AlarmsEmail"]["Properties"]["Protocol"] == "email"


def test_the_dashboard_is_json_and_names_only_known_parameters() -> None:
    body = monitoring().resources["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    widgets = json.loads(body)["widgets"]
    assert len([each for each in widgets if each["type"] == "metric"]) >= 10
    assert references({"Fn::Sub": body}) <= _passed().keys()


@pytest.mark.parametrize(
    "metric",
    sorted(
        {
            each[1]
            for widget in json.loads(monitoring().resources["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"])[
                "widgets"
            ]
            for each in widget["properties"].get("metrics", [])
            if each[0] == "Sitewatch"
        }
    ),
)
def test_our_metrics_on_the_dashboard_are_counted_by_a_function(metric: str) -> None:
    sources = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "functions").rglob("*.py"))
    assert f'count("{metric}"' in sources


# --- what production must not have ----------------------------------------------------------------


def test_production_has_no_simulator_and_no_sender() -> None:
    assert {name for name in production().resources if re.search("Simulat|Sender|SendEvent", name)} == set()
    methods = {
        method
        for path, operations in production().resources["Api"]["Properties"]["Body"]["paths"].items()
        if "simulator" in path
        for method in operations
    }
    assert methods <= {"options"}


def test_production_has_one_user_whose_password_is_generated() -> None:
    users = production().of_type("Custom::User")
    assert users.keys() == {"FirstAdmin"}
    assert production().value("AdminPassword") == ""
    assert users["FirstAdmin"]["PasswordSecret"] == {"Ref": "AdminPasswordSecret"}
    generated = production().resources["AdminPasswordSecret"]["Properties"]["GenerateSecretString"]
    assert generated["PasswordLength"] >= 20


def test_production_sets_no_password_in_a_file() -> None:
    assert [name for name in production_parameters() if "Password" in name] == []


def test_production_allows_only_the_configured_origins() -> None:
    assert production().value("CorsOrigins") == ""
    for function in production().of_type("AWS::Lambda::Function").values():
        assert function["Environment"]["Variables"]["CORS_ORIGINS"] == {"Ref": "CorsOrigins"}
    assert "Access-Control-Allow-Origin" not in json.dumps(production().resources["Api"])


def test_production_is_traced() -> None:
    assert {each["TracingConfig"]["Mode"] for each in production().of_type("AWS::Lambda::Function").values()} == {
        "Active"
    }
    assert production().resources["Apiv1Stage"]["Properties"]["TracingEnabled"] is True


def test_production_keeps_its_tables_when_the_stack_is_changed_or_deleted() -> None:
    def tables(stack: Decided) -> list[Any]:
        return [each for each in stack.resources.values() if each["Type"] == "AWS::DynamoDB::Table"]

    established = tables(system(**production_parameters(), WatchedBy="an-alarm"))
    assert len(established) >= 14
    assert {table["Properties"]["DeletionProtectionEnabled"] for table in established} == {True}
    # A first deployment that fails takes its empty tables with it.
    assert {table["Properties"]["DeletionProtectionEnabled"] for table in tables(production())} == {False}
    for table in tables(production()):
        assert table["DeletionPolicy"] == "RetainExceptOnCreate"
        assert table["UpdateReplacePolicy"] == "Retain"
        assert table["Properties"]["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}


def test_production_keeps_its_logs_for_a_limited_time() -> None:
    retention = read_template("template.yaml")["Mappings"]["LogRetention"]
    assert retention["prod"]["Days"] >= 30
    for group in production().of_type("AWS::Logs::LogGroup").values():
        assert group["RetentionInDays"] == {"Fn::FindInMap": ["LogRetention", {"Ref": "Environment"}, "Days"]}


def test_production_throttles_the_stage_and_signing_up_more() -> None:
    settings = {
        (each["HttpMethod"], each["ResourcePath"]): each
        for each in production().resources["Apiv1Stage"]["Properties"]["MethodSettings"]
    }
    assert settings["*", "/*"]["ThrottlingRateLimit"] == {"Ref": "RequestsPerSecond"}
    for path in ("/auth/signup", "/users"):
        setting = settings["POST", "/" + path.replace("/", "~1")]
        assert setting["ThrottlingRateLimit"] == {"Ref": "SignUpsPerSecond"}
        assert setting["ThrottlingBurstLimit"] == {"Ref": "SignUpBurst"}
    # A route's setting replaces the stage's, including the throttle.
    assert all("ThrottlingRateLimit" in setting and "ThrottlingBurstLimit" in setting for setting in settings.values())


def test_production_shares_no_throttle_for_logins_that_bad_logins_could_use_up() -> None:
    for each in production().resources["Apiv1Stage"]["Properties"]["MethodSettings"]:
        if each["ResourcePath"] in ("/~1token", "/~1auth~1login", "/~1login"):
            assert each["ThrottlingRateLimit"] == {"Ref": "RequestsPerSecond"}


def test_production_requires_long_and_uncommon_passwords_and_limits_guesses_by_default() -> None:
    assert production().value("PasswordMinLength") == "12"
    assert production().value("CommonPasswords") == "refused"
    assert production().value("GuessesPerAccount") == production().value("GuessesPerAddress") == "10"


def test_production_runs_on_arm_with_a_lambda_runtime_and_is_tagged() -> None:
    parameters = production_parameters()
    assert (parameters["Runtime"], parameters["Architecture"]) == ("python3.13", "arm64")
    assert samconfig("prod", "deploy")["confirm_changeset"] is True
    assert "environment=prod" in samconfig("prod", "deploy")["tags"]


# --- guards, which are on unless switched off by name ------------------------------------------------


def test_a_firewall_protects_the_stage() -> None:
    [acl] = production().of_type("AWS::WAFv2::WebACL").values()
    assert any("ManagedRuleGroupStatement" in rule["Statement"] for rule in acl["Rules"])
    assert sorted(rule["Priority"] for rule in acl["Rules"]) == list(range(len(acl["Rules"])))
    [association] = production().of_type("AWS::WAFv2::WebACLAssociation").values()
    assert references(association["ResourceArn"]) == {"Api", "Apiv1Stage"}
    assert system(**production_parameters(), WebAcl="off").of_type("AWS::WAFv2::WebACL") == {}


def test_the_firewall_limits_an_addresss_logins_more_than_its_other_requests() -> None:
    [acl] = production().of_type("AWS::WAFv2::WebACL").values()
    logins, rest = (rule for rule in acl["Rules"] if "RateBasedStatement" in rule["Statement"])
    assert logins["Statement"]["RateBasedStatement"]["Limit"] == {"Ref": "WebAclLogins"}
    assert rest["Statement"]["RateBasedStatement"]["Limit"] == {"Ref": "WebAclRequests"}
    assert production().value("WebAclLogins") < production().value("WebAclRequests")
    for rule in (logins, rest):
        response = rule["Action"]["Block"]["CustomResponse"]
        body = json.loads(acl["CustomResponseBodies"][response["CustomResponseBodyKey"]]["Content"])
        assert (response["ResponseCode"], body["code"], body["subcode"]) == (429, 429, 4290)
        assert {header["Name"] for header in response["ResponseHeaders"]} >= {"Retry-After", "X-Content-Type-Options"}

    by_get, path = logins["Statement"]["RateBasedStatement"]["ScopeDownStatement"]["AndStatement"]["Statements"]
    assert by_get["NotStatement"]["Statement"]["ByteMatchStatement"]["SearchString"] == "GET"
    limited = re.compile(path["RegexMatchStatement"]["RegexString"])
    stage = production().resources["Apiv1Stage"]["Properties"]["StageName"]
    with_a_password = {"/token", "/login", "/users", "/auth/login", "/auth/refresh", "/auth/signup"}
    found = {path for method, path in routes() if method == "POST" and limited.search(f"/{stage}{path}")}
    assert found >= with_a_password
    assert not found & {"/detections", "/api/event", "/api/webhook", "/messages"}


def test_every_request_is_logged_and_the_account_may_log_them() -> None:
    stage = production().resources["Apiv1Stage"]["Properties"]
    assert references(stage["AccessLogSetting"]["DestinationArn"]) == {"AccessLogGroup"}
    # The stage is made after its log group, and that after the account's role.
    assert references(production().of_type("AWS::Logs::LogGroup")["AccessLogGroup"]["Tags"]) == {"ApiGatewayAccount"}
    account = production().resources["ApiGatewayAccount"]
    assert references(account["Properties"]) == {"AccessLogsRoleOfAccount"}
    assert account["DeletionPolicy"] == "Retain"  # other APIs use it too
    without = system(**production_parameters(), AccessLogsRole="off")
    assert without.of_type("AWS::ApiGateway::Account") == {}
    assert "AccessLogSetting" in without.resources["Apiv1Stage"]["Properties"]
    assert (
        "AccessLogSetting"
        not in system(**production_parameters(), AccessLogs="off").resources["Apiv1Stage"]["Properties"]
    )


def test_outbound_calls_go_to_public_addresses_only() -> None:
    calling = ("PostPopulateFunction", "PopulateFunction", "SendEventFunction")
    for stack, value in (
        (everything(), {"Ref": "OutboundAddresses"}),
        (system(Environment="local", EventSender="on", SimulatedSource="on"), "any"),
    ):
        for name in calling:
            variables = stack.of_type("AWS::Lambda::Function")[name]["Environment"]["Variables"]
            assert variables["OUTBOUND_ADDRESSES"] == value
    assert production().value("OutboundAddresses") == "public"


MAX_RESERVED = 900
"""Of an account's 1,000 concurrent executions, Lambda keeps 100 for functions without a reservation."""


def test_what_anyone_may_call_or_hold_cannot_use_up_the_accounts_concurrency() -> None:
    handlers = {handler for route, handler in routes().items() if route in PUBLIC}
    functions = production().of_type("AWS::Lambda::Function")
    public = {name for name, function in functions.items() if function["Handler"] in handlers} | {"PreflightFunction"}
    reserved = {
        name: each["ReservedConcurrentExecutions"]["Ref"]
        for name, each in functions.items()
        if "ReservedConcurrentExecutions" in each
    }
    assert reserved == {**dict.fromkeys(public, "PublicConcurrency"), "GetAlertsFunction": "HeldConcurrency"}
    assert sum(int(production().value(parameter)) for parameter in reserved.values()) <= MAX_RESERVED
    for stack in (locally(), system(**production_parameters(), PublicConcurrency="0", HeldConcurrency="0")):
        every = stack.of_type("AWS::Lambda::Function").values()
        assert [each for each in every if "ReservedConcurrentExecutions" in each] == []


def _refuses_plain_http(statements: list[dict[str, Any]], service: str) -> bool:
    refusal = {"Effect": "Deny", "Principal": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
    return any(
        refusal.items() <= statement.items() and statement["Action"] in (f"{service}:*", "sns:Publish")
        for statement in statements
    )


@pytest.mark.parametrize("stack", [production, everything, monitoring])
def test_queues_topics_and_the_bucket_refuse_plain_http(stack: Callable[[], Decided]) -> None:
    for kind, policies, key, service in (
        ("AWS::SQS::Queue", "AWS::SQS::QueuePolicy", "Queues", "sqs"),
        ("AWS::SNS::Topic", "AWS::SNS::TopicPolicy", "Topics", "sns"),
        ("AWS::S3::Bucket", "AWS::S3::BucketPolicy", "Bucket", "s3"),
    ):
        refusing = [
            name
            for policy in stack().of_type(policies).values()
            if _refuses_plain_http(policy["PolicyDocument"]["Statement"], service)
            for name in references(policy[key])
        ]
        assert sorted(refusing) == sorted(stack().of_type(kind))  # each once: a queue has one policy


def test_failed_logins_are_counted_as_the_alarm_reads_them(capsys: pytest.CaptureFixture[str]) -> None:
    count_failed_login()
    blob = json.loads(capsys.readouterr().out)
    [metrics] = blob["_aws"]["CloudWatchMetrics"]
    alarm = ALARMS["FailedLogins"]
    assert (metrics["Namespace"], metrics["Metrics"][0]["Name"]) == (alarm["Namespace"], alarm["MetricName"])
    assert metrics["Dimensions"] == [[each["Name"] for each in alarm["Dimensions"]]]
    assert blob["service"] == alarm["Dimensions"][0]["Value"]


# --- options --------------------------------------------------------------------------------------


def test_an_optional_customer_managed_key_encrypts_everything_at_rest() -> None:
    keyed = {
        "AWS::DynamoDB::Table": "SSESpecification",
        "AWS::Kinesis::Stream": "StreamEncryption",
        "AWS::Logs::LogGroup": "KmsKeyId",
        "AWS::S3::Bucket": "BucketEncryption",
        "AWS::SNS::Topic": "KmsMasterKeyId",
        "AWS::SQS::Queue": "KmsMasterKeyId",
        "AWS::SecretsManager::Secret": "KmsKeyId",
    }
    assert production().of_type("AWS::KMS::Key") == {}
    for kind, key in keyed.items():
        assert production().of_type(kind)
        for name, each in everything().of_type(kind).items():
            assert references(each[key]) == {"DataKey"}, name
        for name, each in production().of_type(kind).items():
            assert references(each.get(key, {})) == set(), name


def test_readings_signed_with_a_secret_under_a_customers_key_are_verified() -> None:
    """Only through Secrets Manager, and only for this secret: the key may encrypt others."""

    def decrypting(stack: Decided) -> list[dict[str, Any]]:
        role = stack.of_type("AWS::IAM::Role")["PostWebhookFunctionRole"]
        statements = [each for policy in role["Policies"] for each in policy["PolicyDocument"]["Statement"]]
        return [each for each in statements if each["Action"] == "kms:Decrypt"]

    arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:webhook-abcdef"
    [statement] = decrypting(system(**production_parameters(), WebhookSecretArn=arn))
    assert statement["Resource"] == {"Fn::Sub": "arn:${AWS::Partition}:kms:${AWS::Region}:${AWS::AccountId}:key/*"}
    assert statement["Condition"] == {
        "StringEquals": {
            "kms:ViaService": {"Fn::Sub": "secretsmanager.${AWS::Region}.${AWS::URLSuffix}"},
            "kms:EncryptionContext:SecretARN": {"Ref": "WebhookSecretArn"},
        }
    }
    assert decrypting(production()) == []


def test_the_stream_is_on_demand_or_provisioned() -> None:
    [on_demand] = production().of_type("AWS::Kinesis::Stream").values()
    assert on_demand["StreamModeDetails"] == {"StreamMode": "ON_DEMAND"}
    assert "ShardCount" not in on_demand
    [provisioned] = system(**production_parameters(), StreamShards="4").of_type("AWS::Kinesis::Stream").values()
    assert provisioned["StreamModeDetails"] == {"StreamMode": "PROVISIONED"}
    assert provisioned["ShardCount"] == {"Ref": "StreamShards"}


def test_a_local_stack_has_no_production_resources() -> None:
    local = system(Environment="local", Simulator="on", SimulatedSource="on", EventSender="on")
    for kind in (
        "AWS::CloudFormation::Stack",
        "AWS::CodeDeploy::DeploymentGroup",
        "AWS::KMS::Key",
        "AWS::WAFv2::WebACL",
    ):
        assert local.of_type(kind) == {}
    assert "MethodSettings" not in local.resources["Apiv1Stage"]["Properties"]
