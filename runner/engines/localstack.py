"""Deploy to a running LocalStack: `make localstack`. docs/localstack.md shows how to start one."""

import argparse
import copy
import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from runner import arguments, project
from runner.engines import custom_resources
from runner.errors import RunnerError
from runner.http_client import get
from runner.local import build, deployment, environment
from runner.local.deployment import ARTIFACTS_BUCKET
from runner.local.system import USERS
from runner.progress import Progress
from runner.stack import Stack, aws_errors
from runner.template import FUNCTION, of_type
from runner.waiting import wait_until
from runner.workspace import LOCAL_FOLDER, Workspace, write_whole

DEFAULT_ENDPOINT = "http://127.0.0.1:4566"
ITS_OWN_NAME = "localhost.localstack.cloud"
"""How functions call LocalStack: 127.0.0.1 on the host, LocalStack itself in its containers."""
CONFIGURATION = "localstack"
IN_REVIEW = "REVIEW_IN_PROGRESS"
HEALTH_DEADLINE_S = 180.0
STACK_FILE = LOCAL_FOLDER / "localstack.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    explanation = f"where it answers; default: {DEFAULT_ENDPOINT}"
    arguments.add(parser, "--endpoint", "LOCALSTACK_ENDPOINT", explanation, default=DEFAULT_ENDPOINT)
    explanation = f"where it answers functions; default: http://{ITS_OWN_NAME} and the same port"
    arguments.add(parser, "--from-functions", "LOCALSTACK_FROM_FUNCTIONS", explanation)
    arguments.add_simulate(parser)


def run(parsed: argparse.Namespace) -> None:
    """Deploy, write localstack.json for the tests, and print the base URL."""
    endpoint = parsed.endpoint.rstrip("/")
    from_functions = (parsed.from_functions or f"http://{ITS_OWN_NAME}:{urlsplit(endpoint).port or 80}").rstrip("/")
    workspace, progress = Workspace(LOCAL_FOLDER), Progress()
    workspace.prepare()
    progress.say(f"LocalStack {version_at(endpoint)} answers at {endpoint}")
    stack = deploy(workspace, endpoint, parameters(from_functions, simulate=parsed.simulate), progress, from_functions)
    stack.write(STACK_FILE)
    progress.say(f"\n  Base URL   {stack.base_url}")
    progress.say(f"  To test    make conformance ENGINE=localstack BASE_URL={stack.base_url} ENDPOINT={endpoint}")


def version_at(endpoint: str) -> str:
    """The version of the LocalStack at this address."""
    status, body = get(f"{endpoint}/_localstack/health", timeout_s=30)
    try:
        return str(json.loads(body)["version"])
    except (ValueError, KeyError, TypeError):
        raise RunnerError(
            f"No LocalStack answers at {endpoint} ({status or 'no answer'}): see docs/localstack.md to start one, "
            "and LOCALSTACK_ENDPOINT names another address."
        ) from None


def parameters(from_functions: str, *, simulate: bool) -> dict[str, str]:
    """The template's parameters: those of samconfig.toml, for this machine and these addresses."""
    return {
        **project.deploy_parameters(CONFIGURATION),
        "Architecture": build.CONTAINERS.architecture,
        "Schedules": "ENABLED" if simulate else "DISABLED",
        "ApiUrlPrefix": f"{from_functions}/_aws/execute-api/",
    }


def deploy(
    workspace: Workspace, endpoint: str, chosen: Mapping[str, str], progress: Progress, from_functions: str
) -> Stack:
    """Build, deploy to the LocalStack at `endpoint` and return when the API is healthy.

    `chosen` are the template's parameters.
    """
    stack = Stack.named(endpoint_url=endpoint, region=environment.REGION)
    before = stack.describe()
    # A refused change set leaves a stack in review, to which a deployment can be tried again.
    is_update = before is not None and before.status != IN_REVIEW
    with progress.step("Building layers and functions …", "Layers and functions are built"):
        built = build.for_containers(workspace)
    with progress.step("Deploying with sam deploy …", "The stack is deployed"):
        document = upload(stack, built)
        derived = workspace.home / "localstack.yaml"
        write_whole(derived, yaml.safe_dump(document, sort_keys=False))
        try:
            deployed = deployment.deploy(stack, workspace, derived, chosen)
        except RunnerError as error:
            if not is_update:
                raise
            raise RunnerError(
                f"{error}\nLocalStack 4.14 neither updates nor deletes this stack: restart it, and deploy again."
            ) from error
    with progress.step("Making the custom resources …", "The signing key and the users are made"):
        custom_resources.make(stack, {**deployed.parameters, **chosen}, document, from_functions)
    base_url = f"{endpoint}/_aws/execute-api/{deployed.outputs['ApiId']}{chosen['ApiUrlSuffix']}"
    with progress.step("Checking its health …", "GET /check answers 200"):
        wait_until(
            lambda: get(f"{base_url}/check", timeout_s=60)[0] == 200,
            HEALTH_DEADLINE_S,
            f"GET {base_url}/check does not answer 200.",
            pause_s=0.5,
        )
    return replace(stack, base_url=base_url, detections_stream=deployed.outputs["DetectionsStreamName"], users=USERS)


def merged_code(build_folder: Path) -> bytes:
    """An archive of the functions' code and the layers' contents, which runs without layers.

    LocalStack's free edition accepts layers and does not put them into functions. All functions have the same code.
    """
    folders = [build_folder / "DependenciesLayer" / "python", build_folder / "SitewatchLayer" / "python"]
    folders.append(build_folder / "CheckFunction")
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
        for folder in folders:
            for file in sorted(folder.rglob("*")):
                if file.is_file():
                    # A fixed time: the same code gives the same archive.
                    entry = zipfile.ZipInfo(str(file.relative_to(folder)))
                    entry.external_attr = 0o644 << 16
                    target.writestr(entry, file.read_bytes(), zipfile.ZIP_DEFLATED)
    return archive.getvalue()


def upload(stack: Stack, built: Path) -> dict[str, Any]:
    """Upload the code to S3, and return the built template with that code and without what fails on LocalStack."""
    code = merged_code(built.parent)
    key = f"code/{hashlib.sha256(code).hexdigest()}.zip"
    deployment.make_bucket(stack)
    with aws_errors("Uploading the functions' code"):
        stack.client("s3").put_object(Bucket=ARTIFACTS_BUCKET, Key=key, Body=code)
    layerless = without_layers(build.read(built), {"Bucket": ARTIFACTS_BUCKET, "Key": key})
    return without_log_groups(layerless)


def without_layers(document: Mapping[str, Any], code: Mapping[str, str]) -> dict[str, Any]:
    """A built template whose functions have their code in S3 and no layers."""
    changed = copy.deepcopy(dict(document))
    for each in [changed["Globals"]["Function"], *(each["Properties"] for _, each in of_type(changed, FUNCTION))]:
        each.pop("Layers", None)
        each["CodeUri"] = dict(code)
    for name, _ in list(of_type(changed, "AWS::Serverless::LayerVersion")):
        del changed["Resources"][name]
    return changed


def without_log_groups(document: Mapping[str, Any]) -> dict[str, Any]:
    """A template whose functions name no log group.

    LocalStack logs to the group of the function's name anyway, and `make logs` reads the group that a function names.
    """
    changed = copy.deepcopy(dict(document))
    for _, function in of_type(changed, FUNCTION):
        function["Properties"].get("LoggingConfig", {}).pop("LogGroup", None)
    return changed
