"""Deploy to AWS: `make deploy`. SAM builds, shows the changes and asks; then the stack watches its own updates.

CloudFormation rolls an update back as a whole when one of the stack's rollback triggers goes off within five minutes.
SAM cannot set triggers, and an alarm has to exist before it can be one. So they are set by an update of their own,
after the first deployment and whenever the alarms of the template's output `RollbackTriggers` change. CloudFormation
keeps them for every later update, also for those of a plain `sam deploy`.
"""

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from typing import Any

from runner.deployed import Deployed, find
from runner.errors import RunnerError
from runner.local.deployment import aws_errors_as_runner_errors
from runner.workspace import PROJECT_ROOT

ENVIRONMENTS = ("prod",)
MONITORING_MINUTES = 5
TRIGGER_TYPE = "AWS::CloudWatch::Alarm"
OUTPUT = "RollbackTriggers"
PARAMETER = "WatchedBy"
"""Holds the same alarms. CloudFormation refuses an update that changes nothing of a stack but its triggers."""
WAIT = {"Delay": 10, "MaxAttempts": 180}


def run(environment: str) -> None:
    """Build and deploy to an environment of samconfig.toml, then have CloudFormation watch its updates.

    Raises RunnerError where the environment is not one to deploy to, or a step fails.
    """
    if environment not in ENVIRONMENTS:
        raise RunnerError("make deploy is for ENV=prod; make up deploys to this machine.")
    sam("build", environment)
    sam("deploy", environment)
    settings = tomllib.loads((PROJECT_ROOT / "samconfig.toml").read_text(encoding="utf-8"))[environment]["global"]
    stack = find(settings["parameters"]["stack_name"], settings["parameters"].get("region"))
    if watch_updates(stack):
        print(
            "From now on CloudFormation rolls the stack back when an alarm goes off within five minutes of an update."
        )


def sam(command: str, environment: str) -> None:
    """Run a SAM command for Lambda's runtime and processor, whatever this machine is.

    Raises RunnerError where it fails.
    """
    lambda_s = {
        "RUNTIME": "python3.13",
        "ARCHITECTURE": "arm64",
        "SAM_CLI_TELEMETRY": "0",
        "PYTHON": python_of_lambda(),
    }
    words = [sys.executable, "-m", "samcli", command, "--config-env", environment]
    if subprocess.run(words, cwd=PROJECT_ROOT, env=os.environ | target, check=False).returncode != 0:
        raise RunnerError(f"sam {command} failed.")


def python_of_lambda() -> str:
    """Return a python3.13 with pip, which compiles the layer for Lambda; else this interpreter, which cannot."""
    found = shutil.which("python3.13")
    has_pip = found and subprocess.run([found, "-c", "import pip"], capture_output=True, check=False).returncode == 0
    return found if found and has_pip else sys.executable


def watch_updates(stack: Deployed) -> bool:
    """Set a stack's rollback triggers, and wait until that is done; False where they are set already.

    Raises RunnerError where the stack has none to set, or the update fails.
    """
    cloudformation = stack.client("cloudformation")
    with aws_errors_as_runner_errors("Setting the rollback triggers"):
        [described] = cloudformation.describe_stacks(StackName=stack.name)["Stacks"]
        outputs = {each["OutputKey"]: each["OutputValue"] for each in described.get("Outputs", [])}
        if OUTPUT not in outputs:
            raise RunnerError(f"The stack {stack.name} has no output {OUTPUT}: is it a Sitewatch in production?")
        wanted = rollback_configuration(outputs[OUTPUT])
        if described.get("RollbackConfiguration") == wanted:
            return False
        cloudformation.update_stack(
            StackName=stack.name,
            UsePreviousTemplate=True,
            Parameters=parameters(described, outputs[OUTPUT]),
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
            RollbackConfiguration=wanted,
        )
        cloudformation.get_waiter("stack_update_complete").wait(StackName=stack.name, WaiterConfig=WAIT)
    return True


def rollback_configuration(alarms: str) -> dict[str, Any]:
    """Return the configuration that watches alarms, whose ARNs are separated by commas."""
    triggers = [{"Arn": arn, "Type": TRIGGER_TYPE} for arn in alarms.split(",")]
    return {"RollbackTriggers": triggers, "MonitoringTimeInMinutes": MONITORING_MINUTES}


def parameters(described: Mapping[str, Any], alarms: str) -> list[dict[str, Any]]:
    """Return every parameter of a described stack as it is, but for the one that names its alarms."""
    others = [each["ParameterKey"] for each in described["Parameters"] if each["ParameterKey"] != PARAMETER]
    return [
        {"ParameterKey": PARAMETER, "ParameterValue": alarms},
        *({"ParameterKey": name, "UsePreviousValue": True} for name in others),
    ]
