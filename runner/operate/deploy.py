"""Deploy to AWS: `make deploy`. SAM builds, shows the changes and asks; then CloudFormation watches later updates.

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
import tempfile
from pathlib import Path

from runner import arguments, project
from runner.errors import RunnerError, UsageError
from runner.local.build import BUILD_MB, TEMPORARY_MB
from runner.local.environment import SAM
from runner.stack import Stack, aws_errors
from runner.workspace import PROJECT_ROOT, require_disk_space

MONITORING_MINUTES = 5
UNRESERVED = 100
"""The concurrent executions of an account that Lambda keeps for functions without a reservation."""
OUTPUT = "RollbackTriggers"
PARAMETER = "WatchedBy"
"""Its value is the same alarms: CloudFormation refuses an update that changes only a stack's triggers."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    explanation = "an environment of samconfig.toml; default: prod, the only one on AWS"
    arguments.add(parser, "--env", "ENV", explanation, arguments.one_of("prod"), default="prod")


def run(parsed: argparse.Namespace) -> None:
    """Build and deploy to an environment of samconfig.toml, then let CloudFormation watch the stack's updates."""
    settings = project.samconfig(parsed.env, "global")
    stack = Stack.named(settings["stack_name"], region=settings.get("region", ""))
    parameters = project.deploy_parameters(parsed.env)
    check_shards(stack, int(parameters.get("StreamShards", 0)))
    check_concurrency(stack, project.reserved_concurrency(parameters))
    require_disk_space((PROJECT_ROOT, BUILD_MB), (Path(tempfile.gettempdir()), TEMPORARY_MB))
    sam("build", parsed.env)
    sam("deploy", parsed.env)
    if watch_updates(stack):
        print("From now on CloudFormation rolls the stack back if an alarm goes off within five minutes of an update.")


def sam(command: str, environment: str) -> None:
    """Run a SAM command for Lambda's runtime and processor, not this machine's."""
    target = {"RUNTIME": "python3.13", "ARCHITECTURE": "arm64", "PYTHON": lambda_python(), "SAM_CLI_TELEMETRY": "0"}
    words = [*SAM, command, "--config-env", environment]
    if subprocess.run(words, cwd=PROJECT_ROOT, env=os.environ | target, check=False).returncode != 0:
        raise RunnerError(f"sam {command} failed.")


def lambda_python() -> str:
    """A python3.13 with pip, which compiles the layer for Lambda; else this interpreter, which cannot."""
    found = shutil.which("python3.13")
    has_pip = found and subprocess.run([found, "-c", "import pip"], capture_output=True, check=False).returncode == 0
    return found if found and has_pip else sys.executable


def check_shards(stack: Stack, wanted: int) -> None:
    """Raise UsageError if Kinesis would refuse to give a live stream this number of shards in one step.

    `wanted` is 0 for a stream on demand. Kinesis allows from half to double the open shards (UpdateShardCount).
    """
    with aws_errors("Reading the stream"):
        described = stack.describe() if wanted else None
        if described is None or "DetectionsStreamName" not in described.outputs:
            return
        name = described.outputs["DetectionsStreamName"]
        summary = stack.client("kinesis").describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
    current = summary["OpenShardCount"]
    least, most = -(-current // 2), current * 2
    if not least <= wanted <= most:
        raise UsageError(
            f"StreamShards={wanted}: the stream has {current} shards, and Kinesis changes that to {least} to {most} "
            f"in one step. Deploy with StreamShards={least if wanted < least else most} first."
        )


def check_concurrency(stack: Stack, wanted: int) -> None:
    """Raise UsageError if Lambda would refuse to reserve this many of the account's concurrent executions."""
    if not wanted:
        return
    with aws_errors("Reading the account's concurrency"):
        quota = stack.client("lambda").get_account_settings()["AccountLimit"]["ConcurrentExecutions"]
    if wanted > quota - UNRESERVED:
        raise UsageError(
            f"The functions reserve {wanted} concurrent executions, but the account has {quota}, and Lambda keeps "
            f"{UNRESERVED} of them. Ask AWS for a quota of {wanted + UNRESERVED} (Service Quotas, Lambda), or deploy "
            "with smaller PublicConcurrency and HeldConcurrency; 0 reserves none."
        )


def watch_updates(stack: Stack) -> bool:
    """Set a stack's rollback triggers and wait until that is done; False if they are set already.

    Raises RunnerError if the stack has none to set, or the update fails.
    """
    with aws_errors("Setting the rollback triggers"):
        described = stack.require()
        if OUTPUT not in described.outputs:
            raise RunnerError(f"The stack {stack.stack_name} has no output {OUTPUT}: is it a Sitewatch in production?")
        alarms = described.outputs[OUTPUT]
        triggers = [{"Arn": arn, "Type": "AWS::CloudWatch::Alarm"} for arn in alarms.split(",")]
        wanted = {"RollbackTriggers": triggers, "MonitoringTimeInMinutes": MONITORING_MINUTES}
        if described.rollback == wanted:
            return False
        stack.update(described, {PARAMETER: alarms}, RollbackConfiguration=wanted)
    return True
