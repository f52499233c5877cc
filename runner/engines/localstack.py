"""Deploy to a LocalStack that runs: `make localstack`. It is not started here; docs/localstack.md says how."""

import argparse
import copy
import hashlib
import io
import json
import os
import sys
import time
import tomllib
import urllib.error
import urllib.request
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from runner.engines import custom_resources
from runner.engines.custom_resources import FUNCTION
from runner.engines.sam_local import TARGET
from runner.errors import RunnerError, exit_code
from runner.local import environment
from runner.local.deployment import ARTIFACTS_BUCKET, Deployment, aws_errors_as_runner_errors, read_template
from runner.local.system import USERS
from runner.processes import run_logged
from runner.progress import Progress
from runner.stack import Stack
from runner.workspace import LOCAL_FOLDER, PROJECT_ROOT, Workspace, write_whole

DEFAULT_ENDPOINT = "http://127.0.0.1:4566"
ITS_OWN_NAME = "localhost.localstack.cloud"
"""What functions call LocalStack; it resolves to 127.0.0.1 on the host, and to LocalStack in its containers."""
CONFIGURATION = "localstack"
IN_REVIEW = "REVIEW_IN_PROGRESS"
DEPLOY_DEADLINE_S = 900.0
HEALTH_DEADLINE_S = 180.0
STACK_FILE = LOCAL_FOLDER / "localstack.json"
SAMCONFIG = PROJECT_ROOT / "samconfig.toml"
BUILT = PROJECT_ROOT / ".aws-sam" / "localstack" / "template.yaml"


def get(url: str, timeout_s: float = 30.0) -> tuple[int, bytes]:
    """Status and body of a GET, past any proxy; 0 where nothing answers."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=timeout_s) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except OSError:
        return 0, b""


def version_at(endpoint: str) -> str:
    """The version of the LocalStack that answers there.

    Raises RunnerError where none does.
    """
    status, body = get(f"{endpoint}/_localstack/health")
    try:
        return str(json.loads(body)["version"])
    except (ValueError, KeyError, TypeError):
        raise RunnerError(
            f"No LocalStack answers at {endpoint} ({status or 'no answer'}): docs/localstack.md says how to start one, "
            "and LOCALSTACK_ENDPOINT names another address."
        ) from None


def samconfig() -> dict[str, Any]:
    """samconfig.toml."""
    return tomllib.loads(SAMCONFIG.read_text(encoding="utf-8"))


def configured_parameters(settings: Mapping[str, Any]) -> dict[str, str]:
    """The template's parameters in samconfig.toml's environment for LocalStack."""
    overrides = settings[CONFIGURATION]["deploy"]["parameters"]["parameter_overrides"]
    return dict(each.partition("=")[::2] for each in overrides)


def parameters(settings: Mapping[str, Any], from_functions: str, *, simulate: bool) -> dict[str, str]:
    """Those, with the processor of this machine and the address under which functions reach the API."""
    return {
        **configured_parameters(settings),
        "Architecture": TARGET.architecture,
        "Schedules": "ENABLED" if simulate else "DISABLED",
        "ApiUrlPrefix": f"{from_functions}/_aws/execute-api/",
    }


def sam(workspace: Workspace, endpoint: str, arguments: Sequence[str], *, log: Path, what: str) -> None:
    """Run a SAM command with LocalStack's environment of samconfig.toml.

    Raises RunnerError where it fails.
    """
    environment.silence_version_check(workspace)
    run_logged(
        [sys.executable, "-m", "samcli", *arguments, "--config-file", str(SAMCONFIG), "--config-env", CONFIGURATION],
        environment=environment.sam(workspace, endpoint, extra=TARGET.settings()),
        folder=PROJECT_ROOT,
        log=log,
        deadline_s=DEPLOY_DEADLINE_S,
        what=what,
    )


def merged_code(build_folder: Path) -> bytes:
    """An archive of the functions' code with what the layers hold in it, where a runtime finds it without layers.

    The free edition of LocalStack knows layers and puts none into a function. Every function has the same code.
    """
    folders = [build_folder / "DependenciesLayer" / "python", build_folder / "SitewatchLayer" / "python"]
    folders.append(build_folder / "CheckFunction")
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
        for folder in folders:
            for file in sorted(folder.rglob("*")):
                if file.is_file():
                    # A fixed time: the same code is the same archive.
                    entry = zipfile.ZipInfo(str(file.relative_to(folder)))
                    entry.external_attr = 0o644 << 16
                    target.writestr(entry, file.read_bytes(), zipfile.ZIP_DEFLATED)
    return archive.getvalue()


def upload(deployment: Deployment, code: bytes) -> dict[str, Any]:
    """Put the code into S3; the built template with its functions made of that, and without what fails here.

    Raises RunnerError where LocalStack refuses it.
    """
    key = f"code/{hashlib.sha256(code).hexdigest()}.zip"
    deployment.make_bucket()
    with aws_errors_as_runner_errors("Uploading the functions' code"):
        deployment.client("s3").put_object(Bucket=ARTIFACTS_BUCKET, Key=key, Body=code)
    template = without_layers(read_template(BUILT), {"Bucket": ARTIFACTS_BUCKET, "Key": key})
    return without_log_groups(template)


def without_layers(template: Mapping[str, Any], code: Mapping[str, str]) -> dict[str, Any]:
    """A built template whose functions have their code in S3 and no layers."""
    changed = copy.deepcopy(dict(template))
    changed["Globals"]["Function"].pop("Layers", None)
    changed["Globals"]["Function"]["CodeUri"] = dict(code)
    for name, resource in list(changed["Resources"].items()):
        if resource["Type"] == "AWS::Serverless::LayerVersion":
            del changed["Resources"][name]
        elif resource["Type"] == FUNCTION:
            resource["Properties"].pop("Layers", None)
            resource["Properties"]["CodeUri"] = dict(code)
    return changed


def without_log_groups(template: Mapping[str, Any]) -> dict[str, Any]:
    """A template whose functions do not say where they log.

    LocalStack writes to the group of the function's name whatever it says, and `sam logs` looks where it says.
    """
    changed = copy.deepcopy(dict(template))
    for each in changed["Resources"].values():
        if each["Type"] == FUNCTION:
            each["Properties"].get("LoggingConfig", {}).pop("LogGroup", None)
    return changed


def deploy(
    workspace: Workspace,
    endpoint: str,
    wanted: Mapping[str, str],
    progress: Progress,
    *,
    from_functions: str,
) -> Stack:
    """Build, and deploy to the LocalStack at `endpoint`; returns when it is healthy.

    Raises RunnerError.
    """
    deployment = Deployment(workspace, endpoint)
    before = deployment.describe()
    # A change set that was refused leaves a stack in review, on which a deployment can be tried again.
    was_there = before is not None and before.status != IN_REVIEW
    filled_in = [f"{name}={value}" for name, value in wanted.items()]
    with progress.step("Building layers and functions …", "Layers and functions are built"):
        chosen = f"Runtime={TARGET.runtime} Architecture={TARGET.architecture}"
        log = workspace.home / "localstack-build.log"
        sam(workspace, endpoint, ["build", "--parameter-overrides", chosen], log=log, what="sam build")
        code = merged_code(BUILT.parent)
    with progress.step("Deploying with sam deploy …", "The stack is deployed"):
        template = upload(deployment, code)
        derived = BUILT.with_name("layerless.yaml")
        write_whole(derived, yaml.safe_dump(template, sort_keys=False))
        arguments = ["deploy", "--template-file", str(derived), "--parameter-overrides", *filled_in]
        log = workspace.home / "localstack-deploy.log"
        try:
            sam(workspace, endpoint, arguments, log=log, what="sam deploy")
        except RunnerError as error:
            if not was_there:
                raise
            raise RunnerError(
                f"{error}\nLocalStack 4.14 neither updates nor deletes this stack: restart it, and deploy anew."
            ) from error
    deployed = deployment.describe()
    if deployed is None:
        raise RunnerError(f"sam deploy left no stack; its log is {log}.")
    with progress.step("Making the custom resources …", "The signing key and the users are made"):
        custom_resources.make(deployment, {**deployed.parameters, **wanted}, template, from_functions)
    stack = Stack(
        base_url=f"{endpoint}/_aws/execute-api/{deployed.output('ApiId')}{wanted['ApiUrlSuffix']}",
        endpoint_url=endpoint,
        region=environment.REGION,
        stack_name="sitewatch",
        detections_stream=deployed.output("DetectionsStreamName"),
        users=USERS,
    )
    with progress.step("Asking whether it is healthy …", "GET /check answers 200"):
        wait_until_healthy(stack.base_url)
    return stack


def wait_until_healthy(base_url: str) -> None:
    """Return when GET /check answers 200.

    Raises RunnerError where it does not within the deadline.
    """
    end = time.monotonic() + HEALTH_DEADLINE_S
    while (answer := get(f"{base_url}/check", timeout_s=60))[0] != 200:
        if time.monotonic() >= end:
            raise RunnerError(f"GET {base_url}/check answers {answer[0]}: {answer[1][:300]!r}")
        time.sleep(0.5)


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and deploy; 1 with a line on standard error where it fails."""
    parser = argparse.ArgumentParser(prog="make localstack", description=__doc__)
    parser.add_argument("--endpoint", default=DEFAULT_ENDPOINT, help="where it answers")
    parser.add_argument("--from-functions", help=f"how functions reach it (default: {ITS_OWN_NAME})")
    parsed = parser.parse_args(arguments)
    endpoint = parsed.endpoint.rstrip("/")
    from_functions = (parsed.from_functions or f"http://{ITS_OWN_NAME}:{urlsplit(endpoint).port or 80}").rstrip("/")
    return exit_code(lambda: run(endpoint, from_functions))


def run(endpoint: str, from_functions: str) -> None:
    """Deploy, keep where it is for the tests, and say so.

    Raises RunnerError.
    """
    workspace, progress = Workspace(LOCAL_FOLDER), Progress()
    workspace.prepare()
    progress.say(f"LocalStack {version_at(endpoint)} answers at {endpoint}")
    wanted = parameters(samconfig(), from_functions, simulate=os.environ.get("SIMULATE") != "off")
    stack = deploy(workspace, endpoint, wanted, progress, from_functions=from_functions)
    write_whole(STACK_FILE, json.dumps({name: getattr(stack, name) for name in Stack.__slots__}, indent=2) + "\n")
    progress.say(f"\n  Base URL   {stack.base_url}")
    progress.say(f"  To test    make conformance ENGINE=localstack BASE_URL={stack.base_url} ENDPOINT={endpoint}")


if __name__ == "__main__":
    sys.exit(main())
