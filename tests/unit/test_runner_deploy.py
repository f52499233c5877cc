"""make deploy: sets the alarms that roll back an update, once."""

import subprocess
from datetime import UTC, datetime
from typing import Any

import botocore.session
import pytest
from botocore.stub import Stubber

from runner.__main__ import main
from runner.errors import RunnerError
from runner.operate import deploy
from runner.stack import Stack
from tests.world.template import template

ALARMS = [f"arn:aws:cloudwatch:eu-west-1:123456789012:alarm:sitewatch-{name}" for name in ("Errors", "Api")]
WANTED = {
    "RollbackTriggers": [{"Arn": arn, "Type": "AWS::CloudWatch::Alarm"} for arn in ALARMS],
    "MonitoringTimeInMinutes": 5,
}


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
    monkeypatch.setattr(deploy, "watch_updates", lambda stack: done.append(stack.stack_name))
    assert main(["deploy", "--env", ""]) == 0
    target = ("--config-env", "prod", "python3.13", "arm64")
    assert done == [("build", *target), ("deploy", *target), "sitewatch"]


def test_the_template_has_the_output_and_the_parameter_for_the_triggers() -> None:
    outputs = template()["Outputs"]
    assert outputs[deploy.OUTPUT]["Condition"] == "IsProduction"
    assert template()["Parameters"][deploy.PARAMETER]["Default"] == ""
    assert {"Ref": deploy.PARAMETER} in [each["Value"] for each in outputs.values()]
