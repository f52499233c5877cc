"""Deploy to AWS: `make deploy`. SAM builds, shows the changes and asks; then the stack watches its own updates.

CloudFormation rolls an update back as a whole if one of the stack's rollback triggers goes off within five minutes.
SAM cannot set triggers, and an alarm has to exist before it can be one. So they are set by an update of their own,
after the first deployment and whenever the alarms in the template's output `RollbackTriggers` change. CloudFormation
keeps them for every later update, including those of a plain `sam deploy`.
"""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from runner import arguments, project
from runner.errors import RunnerError
from runner.local.environment import SAM
from runner.stack import Stack, aws_errors
from runner.workspace import PROJECT_ROOT

MONITORING_MINUTES = 5
TRIGGER_TYPE = "AWS::CloudWatch::Alarm"
OUTPUT = "RollbackTriggers"
PARAMETER = "WatchedBy"
"""Holds the same alarms. CloudFormation refuses an update that changes nothing of a stack but its triggers."""
WAIT = {"Delay": 10, "MaxAttempts": 180}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    # make up deploys to this machine, make localstack to a LocalStack.
    arguments.add(parser, "--env", "ENV", "an environment of samconfig.toml: prod", arguments.choice("ENV", "prod"))


def run(parsed: argparse.Namespace) -> None:
    """Build and deploy to an environment of samconfig.toml, then let CloudFormation watch the stack's updates.

    Raises RunnerError if a step fails.
    """
    sam("build", parsed.env)
    sam("deploy", parsed.env)
    settings = project.samconfig(parsed.env, "global")
    if watch_updates(Stack.named(settings["stack_name"], region=settings.get("region", ""))):
        print("From now on CloudFormation rolls the stack back if an alarm goes off within five minutes of an update.")


def sam(command: str, environment: str) -> None:
    """Run a SAM command for Lambda's runtime and processor, whatever this machine is.

    Raises RunnerError if it fails.
    """
    target = {"RUNTIME": "python3.13", "ARCHITECTURE": "arm64", "PYTHON": lambda_python(), "SAM_CLI_TELEMETRY": "0"}
    words = [*SAM, command, "--config-env", environment]
    if subprocess.run(words, cwd=PROJECT_ROOT, env=os.environ | target, check=False).returncode != 0:
        raise RunnerError(f"sam {command} failed.")


def lambda_python() -> str:
    """A python3.13 with pip, which compiles the layer for Lambda; else this interpreter, which cannot."""
    found = shutil.which("python3.13")
    has_pip = found and subprocess.run([found, "-c", "import pip"], capture_output=True, check=False).returncode == 0
    return found if found and has_pip else sys.executable


def watch_updates(stack: Stack) -> bool:
    """Set a stack's rollback triggers and wait until that is done; False if they are set already.

    Raises RunnerError if the stack has none to set, or the update fails.
    """
    cloudformation = stack.client("cloudformation")
    with aws_errors("Setting the rollback triggers"):
        [described] = cloudformation.describe_stacks(StackName=stack.stack_name)["Stacks"]
        outputs = {each["OutputKey"]: each["OutputValue"] for each in described.get("Outputs", [])}
        if OUTPUT not in outputs:
            raise RunnerError(f"The stack {stack.stack_name} has no output {OUTPUT}: is it a Sitewatch in production?")
        configuration = rollback_configuration(outputs[OUTPUT])
        if described.get("RollbackConfiguration") == configuration:
            return False
        cloudformation.update_stack(
            StackName=stack.stack_name,
            UsePreviousTemplate=True,
            Parameters=parameters(described, outputs[OUTPUT]),
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
            RollbackConfiguration=configuration,
        )
        cloudformation.get_waiter("stack_update_complete").wait(StackName=stack.stack_name, WaiterConfig=WAIT)
    return True


def rollback_configuration(alarms: str) -> dict[str, Any]:
    """Return the configuration that watches alarms, whose ARNs are separated by commas."""
    triggers = [{"Arn": arn, "Type": TRIGGER_TYPE} for arn in alarms.split(",")]
    return {"RollbackTriggers": triggers, "MonitoringTimeInMinutes": MONITORING_MINUTES}


def parameters(described: Mapping[str, Any], alarms: str) -> list[dict[str, Any]]:
    """Return a described stack's parameters: the alarms, and every other parameter unchanged."""
    others = [each["ParameterKey"] for each in described["Parameters"] if each["ParameterKey"] != PARAMETER]
    return [
        {"ParameterKey": PARAMETER, "ParameterValue": alarms},
        *({"ParameterKey": name, "UsePreviousValue": True} for name in others),
    ]
