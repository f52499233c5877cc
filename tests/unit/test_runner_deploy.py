"""make deploy: sets the alarms that roll back an update, once."""

import subprocess
import tomllib
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import botocore.session
import pytest
from botocore.stub import Stubber

from runner import project
from runner.__main__ import main
from runner.credentials import PROFILE
from runner.errors import RunnerError, UsageError
from runner.operate import deploy
from runner.stack import Stack
from tests.world.deployed import production_parameters
from tests.world.template import ROOT, template

ALARMS = [f"arn:aws:cloudwatch:eu-west-1:123456789012:alarm:sitewatch-{name}" for name in ("Errors", "Api")]
WANTED = {
    "RollbackTriggers": [{"Arn": arn, "Type": "AWS::CloudWatch::Alarm"} for arn in ALARMS],
    "MonitoringTimeInMinutes": 5,
}


NONE_RESERVED = {"PublicConcurrency": "0", "HeldConcurrency": "0"}


@pytest.fixture(autouse=True)
def world() -> None:
    """No table is needed here."""


@pytest.fixture
def stubber() -> Stubber:
    """A CloudFormation client with canned responses, which checks requests against AWS's own model."""
    client = botocore.session.Session().create_client("cloudformation", region_name="eu-west-1")
    return Stubber(client)


def stack(stubber: Stubber) -> Stack:
    class Stubbed(Stack):
        def client(self, service: str) -> Any:
            return stubber.client

    return Stubbed.named()


def described(**more: Any) -> dict[str, Any]:
    found = {
        "StackName": "sitewatch",
        "StackId": "arn:aws:cloudformation:eu-west-1:123456789012:stack/sitewatch/1",
        "CreationTime": datetime(2026, 11, 22, 6, 10, 30, tzinfo=UTC),
        "StackStatus": "UPDATE_COMPLETE",
        "Parameters": [
            {"ParameterKey": "Environment", "ParameterValue": "prod"},
            {"ParameterKey": "AdminPassword", "ParameterValue": "****"},
            {"ParameterKey": "WatchedBy", "ParameterValue": ""},
        ],
        "Outputs": [{"OutputKey": "RollbackTriggers", "OutputValue": ",".join(ALARMS)}],
    }
    return {"Stacks": [{**found, **more}]}


def test_the_first_deployment_sets_the_triggers_and_keeps_every_other_parameter(stubber: Stubber) -> None:
    stubber.add_response("describe_stacks", described())
    stubber.add_response(
        "update_stack",
        {"StackId": "sitewatch"},
        {
            "StackName": "sitewatch",
            "UsePreviousTemplate": True,
            "Parameters": [
                {"ParameterKey": "WatchedBy", "ParameterValue": ",".join(ALARMS)},
                {"ParameterKey": "Environment", "UsePreviousValue": True},
                {"ParameterKey": "AdminPassword", "UsePreviousValue": True},
            ],
            "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
            "RollbackConfiguration": WANTED,
        },
    )
    stubber.add_response("describe_stacks", described())
    with stubber:
        assert deploy.watch_updates(stack(stubber)) is True
    stubber.assert_no_pending_responses()


def test_existing_triggers_are_left_alone(stubber: Stubber) -> None:
    stubber.add_response("describe_stacks", described(RollbackConfiguration=WANTED))
    with stubber:
        assert deploy.watch_updates(stack(stubber)) is False
    stubber.assert_no_pending_responses()


def test_a_failed_update_is_one_clear_error(stubber: Stubber) -> None:
    stubber.add_response("describe_stacks", described(RollbackConfiguration={"MonitoringTimeInMinutes": 5}))
    stubber.add_client_error("update_stack", "ValidationError", "Stack is in UPDATE_ROLLBACK_FAILED state")
    with stubber, pytest.raises(RunnerError, match="Setting the rollback triggers failed"):
        deploy.watch_updates(stack(stubber))


def test_a_stack_without_alarms_is_not_a_production_stack(stubber: Stubber) -> None:
    stubber.add_response("describe_stacks", described(Outputs=[]))
    with stubber, pytest.raises(RunnerError, match="no output RollbackTriggers"):
        deploy.watch_updates(stack(stubber))


def test_only_production_is_deployed_to_aws(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["deploy", "--env", "default"]) == 2
    assert capsys.readouterr().err == "ENV is prod, not default.\n"


def test_a_deployment_builds_for_lambda_asks_and_then_sets_the_triggers(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[Any] = []

    def ran(words: list[str], *, env: dict[str, str], **_: Any) -> Any:
        done.append((*words[3:], env["RUNTIME"], env["ARCHITECTURE"]))
        return subprocess.CompletedProcess(words, 0)

    monkeypatch.setattr(deploy, "lambda_python", lambda: "python3.13")
    monkeypatch.setattr("runner.operate.deploy.subprocess.run", ran)
    monkeypatch.setattr(deploy, "check_concurrency", lambda stack, wanted: None)
    monkeypatch.setattr(deploy, "check_shards", lambda stack, wanted: done.append((stack.stack_name, wanted)))
    monkeypatch.setattr(deploy, "watch_updates", lambda stack: done.append(stack.stack_name))
    assert main(["deploy", "--env", ""]) == 0
    target = ("--config-env", "prod", "python3.13", "arm64")
    assert done == [("sitewatch", 0), ("build", *target), ("deploy", *target), "sitewatch"]


def test_the_template_has_the_output_and_the_parameter_for_the_triggers() -> None:
    outputs = template()["Outputs"]
    assert outputs[deploy.OUTPUT]["Condition"] == "IsProduction"
    assert template()["Parameters"][deploy.PARAMETER]["Default"] == ""
    assert {"Ref": deploy.PARAMETER} in [each["Value"] for each in outputs.values()]


@pytest.mark.parametrize(
    ("shards", "wanted", "first"), [(4, 1, 2), (4, 2, None), (4, 8, None), (4, 9, 8), (5, 2, 3), (1, 1, None)]
)
def test_a_step_that_kinesis_refuses_is_refused_before_the_deployment(
    monkeypatch: pytest.MonkeyPatch, shards: int, wanted: int, first: int | None
) -> None:
    session = botocore.session.Session()
    clients = {name: session.create_client(name, region_name="eu-west-1") for name in ("cloudformation", "kinesis")}
    outputs = [{"OutputKey": "DetectionsStreamName", "OutputValue": "sitewatch-detections"}]
    summary = {
        "StreamName": "sitewatch-detections",
        "StreamARN": "arn:aws:kinesis:eu-west-1:123456789012:stream/sitewatch-detections",
        "StreamStatus": "ACTIVE",
        "RetentionPeriodHours": 24,
        "StreamCreationTimestamp": datetime(2026, 11, 22, tzinfo=UTC),
        "EnhancedMonitoring": [],
        "OpenShardCount": shards,
    }
    monkeypatch.setattr(Stack, "client", lambda _, service: clients[service])
    with Stubber(clients["cloudformation"]) as cloudformation, Stubber(clients["kinesis"]) as kinesis:
        cloudformation.add_response("describe_stacks", described(Outputs=outputs))
        kinesis.add_response("describe_stream_summary", {"StreamDescriptionSummary": summary})
        if first is None:
            deploy.check_shards(Stack.named(), wanted)
            return
        with pytest.raises(UsageError, match=f"Deploy with StreamShards={first} first"):
            deploy.check_shards(Stack.named(), wanted)


def test_a_stream_on_demand_or_not_yet_deployed_may_get_any_number_of_shards(stubber: Stubber) -> None:
    deploy.check_shards(stack(stubber), 0)
    stubber.add_client_error("describe_stacks", "ValidationError", "Stack with id sitewatch does not exist")
    with stubber:
        deploy.check_shards(stack(stubber), 100)
    stubber.assert_no_pending_responses()


@pytest.mark.parametrize(
    ("quota", "parameters", "refused"), [(1000, {}, False), (10, {}, True), (10, NONE_RESERVED, False)]
)
def test_an_account_with_too_little_concurrency_is_told_before_the_deployment(
    quota: int, parameters: dict[str, str], refused: bool
) -> None:
    client = botocore.session.Session().create_client("lambda", region_name="eu-west-1")
    stubber = Stubber(client)
    stubber.add_response("get_account_settings", {"AccountLimit": {"ConcurrentExecutions": quota}})
    wanted = project.reserved_concurrency({**production_parameters(), **parameters})
    with stubber:
        if refused:
            with pytest.raises(UsageError, match=f"reserve {wanted} .* has {quota}, "):
                deploy.check_concurrency(stack(stubber), wanted)
        else:
            deploy.check_concurrency(stack(stubber), wanted)


def test_no_environment_of_samconfig_can_take_a_password_or_a_simulator_to_aws() -> None:
    """SAM finds the profile in the emulator's credentials file only, and asks for a stack name if there is none."""
    settings = tomllib.loads((ROOT / "samconfig.toml").read_text(encoding="utf-8"))
    unsafe = set()
    for name in settings.keys() - {"version"}:
        deploying = settings[name].get("global", {}).get("parameters", {}) | settings[name]["deploy"]["parameters"]
        given = dict(each.split("=", 1) for each in deploying["parameter_overrides"])
        if given.keys() & {"AdminPassword", "DemoPassword", "Simulator", "SimulatedSource", "EventSender"}:
            unsafe.add(name)
            host = urlsplit(given["ApiUrlPrefix"]).hostname or ""
            assert host == "127.0.0.1" or host.endswith("localhost.localstack.cloud")
            assert deploying.get("profile") == PROFILE or "stack_name" not in deploying
        else:
            assert deploying["confirm_changeset"] is True
            assert given["Environment"] == "prod"
    assert unsafe == {"local", "localstack"}
    assert settings["default"]["deploy"]["parameters"]["parameter_overrides"] == [
        f"{name}={value}" for name, value in production_parameters().items()
    ]
    assert "stack_name" not in settings["default"].get("global", {}).get("parameters", {})  # sam sync stops
