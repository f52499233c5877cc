"""One function's log lines: `make logs FUNCTION=IndexDetections`, with STACK=name where it is deployed elsewhere.

Every engine keeps them in CloudWatch Logs, so `sam logs` reads them everywhere.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from runner.deployed import STACK_FILE, Deployed, add_arguments, find
from runner.errors import RunnerError, exit_code
from runner.local import environment
from runner.local.deployment import aws_errors_as_runner_errors
from runner.stack import Stack
from runner.workspace import LOCAL_FOLDER, Workspace

SUFFIX = "Function"


def logical_id(functions: Iterable[str], name: str) -> str:
    """The function's name in the template: `index_detections` and `IndexDetections` are IndexDetectionsFunction.

    Raises RunnerError, with the names of all, where there is none.
    """
    known = {each.removesuffix(SUFFIX).lower(): each for each in functions}
    wanted = name.replace("_", "").lower().removesuffix(SUFFIX.lower())
    if wanted not in known:
        names = ", ".join(sorted(each.removesuffix(SUFFIX) for each in known.values()))
        raise RunnerError(f"FUNCTION is one of {names}, not {name or 'empty'}.")
    return known[wanted]


def command(deployed: Deployed, name: str, *, region: str | None, follow: bool) -> list[str]:
    """The `sam logs` for a function, or for every function where `name` is empty: the last ten minutes, and what comes.

    Raises RunnerError where there is no such function.
    """
    with aws_errors_as_runner_errors(f"Looking for the functions of {deployed.name}"):
        functions = deployed.resources("AWS::Lambda::Function")
    words = [sys.executable, "-m", "samcli", "logs", "--stack-name", deployed.name]
    words += ["--name", logical_id(functions, name)] if name else []
    words += ["--region", region] if region else []
    return [*words, "--tail"] if follow else words


def settings(*, local: bool, file: Path) -> dict[str, str]:
    """The environment of `sam logs`: the user's own, or one that reaches the local system and nothing else."""
    if not local:
        return {**os.environ, "SAM_CLI_TELEMETRY": "0"}
    workspace = Workspace(file.parent)
    environment.silence_version_check(workspace)
    return environment.sam(workspace, Stack.read(file).endpoint_url)


def run(name: str, *, stack: str | None, region: str | None, follow: bool, file: Path = STACK_FILE) -> int:
    """Print the log; the exit code of `sam logs`.

    Raises RunnerError where there is no such stack or function.
    """
    deployed = find(stack, region, file)
    region = environment.REGION if deployed.is_local else region
    words = command(deployed, name, region=region, follow=follow)
    return subprocess.run(
        words, env=settings(local=deployed.is_local, file=file), cwd=LOCAL_FOLDER.parent, check=False
    ).returncode


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and print the log; 1 with a line on standard error where it fails."""
    parser = argparse.ArgumentParser(prog="make logs", description=(__doc__ or "").partition("\n\n")[2])
    parser.add_argument("function", help="its name in template.yaml, without Function; empty for all")
    parser.add_argument("--no-follow", action="store_true", help="what is there, and no more")
    add_arguments(parser)
    parsed = parser.parse_args(arguments)
    return exit_code(
        lambda: run(parsed.function, stack=parsed.stack, region=parsed.region, follow=not parsed.no_follow)
    )


if __name__ == "__main__":
    sys.exit(main())
