"""Deploy to a running LocalStack: `make localstack`. docs/localstack.md shows how to start one."""

import argparse
import copy
import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self
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
from runner.stack import LOCALSTACK_FILE, Description, Stack, aws_errors
from runner.template import FUNCTION, of_type
from runner.waiting import wait_until
from runner.workspace import LOCAL_FOLDER, Workspace, write_whole

DEFAULT_ENDPOINT = "http://127.0.0.1:4566"
ITS_OWN_NAME = "localhost.localstack.cloud"
"""How functions call LocalStack: 127.0.0.1 on the host, LocalStack itself in its containers."""
CONFIGURATION = "localstack"
IN_REVIEW = "REVIEW_IN_PROGRESS"
HEALTH_DEADLINE_S = 180.0
LAST_DEPLOYMENT = LOCAL_FOLDER / "localstack-deployment.json"
WORKAROUNDS = {
    "layers": "the layers' contents are in the functions' code",
    "custom resources": "the runner calls their functions",
    "log groups": "functions name none",
}
"""What LocalStack does not do without a license, and what is done instead: docs/localstack.md."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    explanation = f"where it answers; default: {DEFAULT_ENDPOINT}"
    arguments.add(parser, "--endpoint", "LOCALSTACK_ENDPOINT", explanation, default=DEFAULT_ENDPOINT)
    explanation = f"where it answers functions; default: http://{ITS_OWN_NAME} and the same port"
    arguments.add(parser, "--from-functions", "LOCALSTACK_FROM_FUNCTIONS", explanation)
    explanation, values = "auto applies them if LocalStack has no license", arguments.one_of("auto", "on", "off")
    arguments.add(parser, "--workarounds", "WORKAROUNDS", explanation, values, default="auto")
    arguments.add_simulate(parser)


@dataclass(frozen=True, slots=True)
class Edition:
    """A running LocalStack: its version, and whether an account's license is active."""

    version: str
    licensed: bool

    def __str__(self) -> str:
        return f"LocalStack {self.version} ({'licensed' if self.licensed else 'no license'})"


@dataclass(frozen=True, slots=True)
class Deployment:
    """What a deployment deployed: hashes of the template with its parameters, and of the API's definition in it.

    `changed` is the stack's own mark of its last change (`runner.stack.Description`).
    """

    target: str
    api: str
    changed: str = ""

    @classmethod
    def of(cls, document: Mapping[str, Any], chosen: Mapping[str, str]) -> Self:
        routes = {name: each["Properties"].get("Events", {}) for name, each in of_type(document, FUNCTION)}
        api = document["Resources"][deployment.API_RESOURCE]
        return cls(_hash([document, dict(chosen)]), _hash([api, routes]))

    @classmethod
    def last(cls) -> Self | None:
        """The last successful deployment from here; None if there was none."""
        try:
            return cls(**json.loads(LAST_DEPLOYMENT.read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def write(self, described: Description) -> None:
        """Record this as the last successful deployment."""
        write_whole(LAST_DEPLOYMENT, json.dumps(asdict(replace(self, changed=described.changed))) + "\n")


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def run(parsed: argparse.Namespace) -> None:
    """Deploy, write localstack.json for the tests and the other commands, and print the base URL."""
    endpoint = parsed.endpoint.rstrip("/")
    from_functions = (parsed.from_functions or f"http://{ITS_OWN_NAME}:{urlsplit(endpoint).port or 80}").rstrip("/")
    workspace, progress = Workspace(LOCAL_FOLDER), Progress()
    workspace.prepare()
    edition = edition_at(endpoint)
    progress.say(f"{edition} answers at {endpoint}")
    free = parsed.workarounds == "on" or (parsed.workarounds == "auto" and not edition.licensed)
    applied = "; ".join(f"{name} ({what})" for name, what in WORKAROUNDS.items()) if free else "none"
    progress.say(f"Workarounds: {applied}")
    chosen = parameters(from_functions, simulate=parsed.simulate)
    stack = deploy(workspace, endpoint, chosen, progress, from_functions, workarounds=free)
    stack.write(LOCALSTACK_FILE)
    progress.say(f"\n  Base URL   {stack.base_url}")
    progress.say(f"  To test    make conformance ENGINE=localstack BASE_URL={stack.base_url} ENDPOINT={endpoint}")


def edition_at(endpoint: str) -> Edition:
    """The version and license of the LocalStack at this address."""
    status, body = get(f"{endpoint}/_localstack/info", timeout_s=30)
    try:
        info = json.loads(body)
        return Edition(str(info["version"]), info.get("is_license_activated") is True)
    except (ValueError, KeyError, TypeError, AttributeError):
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
    workspace: Workspace,
    endpoint: str,
    chosen: Mapping[str, str],
    progress: Progress,
    from_functions: str,
    *,
    workarounds: bool,
) -> Stack:
    """Build, deploy to the LocalStack at `endpoint` what is not deployed yet, and return when the API is healthy.

    `chosen` are the template's parameters. `workarounds` says whether LocalStack has no license.
    """
    stack = Stack.named(endpoint_url=endpoint, region=environment.REGION)
    with progress.step("Building layers and functions …", "Layers and functions are built"):
        built = build.for_containers(workspace)
    document = upload(stack, built) if workarounds else build.read(built)
    wanted, last, deployed = Deployment.of(document, chosen), Deployment.last(), stack.describe()
    # A refused change set leaves a stack in review, to which a deployment can be tried again.
    is_update = deployed is not None and deployed.status != IN_REVIEW
    if deployed is not None and last == replace(wanted, changed=deployed.changed):
        progress.say("Nothing has changed since the last deployment.")
    else:
        if is_update and workarounds and last is not None and last.api != wanted.api:
            raise RunnerError(
                "The API's definition has changed, and LocalStack without a license keeps the old one, whatever it "
                "reports. Restart LocalStack, which keeps nothing, and deploy again."
            )
        with progress.step("Deploying with sam deploy …", "The stack is deployed"):
            derived = workspace.home / "localstack.yaml"
            write_whole(derived, yaml.safe_dump(document, sort_keys=False))
            deployed = deployment.deploy(stack, workspace, derived if workarounds else built, chosen)
        if workarounds:
            with progress.step("Making the custom resources …", "The signing key and the users are made"):
                custom_resources.make(stack, {**deployed.parameters, **chosen}, document, from_functions)
        wanted.write(deployed)
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
