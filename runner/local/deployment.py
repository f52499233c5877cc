"""Deploying the built template to the emulator, and what its CloudFormation leaves out."""

import contextlib
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from runner.errors import RunnerError
from runner.local import environment
from runner.processes import run_logged
from runner.stack import aws_client
from runner.workspace import Workspace

STACK_NAME = "sitewatch"
STAGE_NAME = "v1"
API_RESOURCE = "Api"
ARTIFACTS_BUCKET = "sitewatch-artifacts"
DEPLOY_DEADLINE_S = 300.0
DELETE_DEADLINE_S = 120.0
STEADY_STATUSES = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"})
"""What a deployment can start from; from any other the stack has to go first. After a failed update the stack is as it
was before, and stays so called where the next deployment finds nothing to change."""


@dataclass(frozen=True, slots=True)
class DeployedStack:
    """What CloudFormation says of the stack."""

    status: str
    changed: str
    """When it was made or changed last, and its id: differs after every deployment that did something."""
    parameters: Mapping[str, str]
    outputs: Mapping[str, str]

    def output(self, name: str) -> str:
        """One of the template's outputs.

        Raises RunnerError where the template has no such output.
        """
        try:
            return self.outputs[name]
        except KeyError:
            raise RunnerError(f"template.yaml has no output {name}.") from None


@contextlib.contextmanager
def aws_errors_as_runner_errors(what: str) -> Iterator[None]:
    """Turn what an AWS call can raise into a RunnerError that says what was being done."""
    try:
        yield
    except NoCredentialsError:
        raise RunnerError("There are no AWS credentials here.") from None
    except (BotoCoreError, ClientError) as error:
        raise RunnerError(f"{what} failed: {error}") from error


class Deployment:
    """The stack of one emulator."""

    def __init__(self, workspace: Workspace, endpoint_url: str) -> None:
        self.workspace = workspace
        self.endpoint_url = endpoint_url

    @property
    def region(self) -> str:
        """Where everything here is."""
        return environment.REGION

    def client(self, service: str) -> Any:
        """A botocore client of this emulator."""
        return aws_client(service, self.endpoint_url, environment.REGION)

    def describe(self) -> DeployedStack | None:
        """What is deployed; None where nothing is.

        Raises RunnerError where the emulator does not answer.
        """
        with aws_errors_as_runner_errors("Asking for the stack"):
            try:
                [stack] = self.client("cloudformation").describe_stacks(StackName=STACK_NAME)["Stacks"]
            except ClientError as error:
                if error.response["Error"]["Code"] != "ValidationError":
                    raise
                return None
        if stack["StackStatus"] == "DELETE_COMPLETE":
            return None
        changed = stack.get("LastUpdatedTime", stack["CreationTime"])
        return DeployedStack(
            status=stack["StackStatus"],
            changed=f"{stack['StackId']} {changed.isoformat()}",
            parameters={each["ParameterKey"]: each["ParameterValue"] for each in stack.get("Parameters", [])},
            outputs={each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])},
        )

    def delete(self) -> None:
        """Delete the stack and wait until it is gone.

        Raises RunnerError where it still is there after a deadline.
        """
        with aws_errors_as_runner_errors("Deleting the stack"):
            self.client("cloudformation").delete_stack(StackName=STACK_NAME)
        end = time.monotonic() + DELETE_DEADLINE_S
        while self.describe() is not None:
            if time.monotonic() >= end:
                raise RunnerError(
                    f"The stack was not deleted within {DELETE_DEADLINE_S:.0f} s; make reset starts anew."
                )
            time.sleep(0.3)

    def deploy(self, template: Path, parameters: Mapping[str, str]) -> DeployedStack:
        """Bring the stack to a built template's state.

        Raises RunnerError, with the end of SAM's output, where it fails.
        """
        self.make_bucket()
        environment.silence_version_check(self.workspace)
        command = [sys.executable, "-m", "samcli", "deploy", "--template-file", str(template)]
        command += ["--stack-name", STACK_NAME, "--s3-bucket", ARTIFACTS_BUCKET, "--region", environment.REGION]
        command += ["--capabilities", "CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
        command += ["--no-confirm-changeset", "--no-fail-on-empty-changeset", "--no-progressbar"]
        command += ["--parameter-overrides", *(f"{name}={value}" for name, value in parameters.items())]
        began = datetime.now(UTC).replace(microsecond=0)
        try:
            run_logged(
                command,
                environment=environment.sam(self.workspace, self.endpoint_url),
                folder=self.workspace.home,
                log=self.workspace.deploy_log,
                deadline_s=DEPLOY_DEADLINE_S,
                what="sam deploy",
            )
        except RunnerError as error:
            reason = self.first_failure(since=began)
            if reason is None:
                raise
            raise RunnerError(f"sam deploy failed: {reason}\nIts log is {self.workspace.deploy_log}.") from error
        deployed = self.describe()
        if deployed is None or deployed.status not in STEADY_STATUSES:
            status = "gone" if deployed is None else deployed.status
            raise RunnerError(f"sam deploy left the stack {status}; its log is {self.workspace.deploy_log}.")
        return deployed

    def first_failure(self, since: datetime) -> str | None:
        """Which resource failed first after a point in time, and why; None where none did."""
        failure = None
        try:
            events = self.client("cloudformation").describe_stack_events(StackName=STACK_NAME)["StackEvents"]
        except (BotoCoreError, ClientError):
            return None
        for event in events:  # the newest first
            if event["Timestamp"] < since:
                break
            if event["ResourceStatus"].endswith("_FAILED"):
                reason = event.get("ResourceStatusReason", "no reason given")
                failure = f"{event['LogicalResourceId']} ({event['ResourceType']}): {reason}"
        return failure

    def make_bucket(self) -> None:
        """Make the bucket that SAM uploads to."""
        with aws_errors_as_runner_errors("Making the bucket for the functions' code"):
            self.client("s3").create_bucket(Bucket=ARTIFACTS_BUCKET)

    def apply_gateway_responses(self, template: Path, deployed: DeployedStack) -> None:
        """Set the API's gateway responses, which the emulator does not import with the API's definition.

        Does nothing where they are set already. Raises RunnerError where the template's cannot be read.
        """
        api_id = deployed.output("ApiId")
        wanted = gateway_responses(read_template(template), deployed.parameters)
        with aws_errors_as_runner_errors("Setting the API's gateway responses"):
            api = self.client("apigateway")
            current = {each["responseType"]: each for each in api.get_gateway_responses(restApiId=api_id)["items"]}
            changed = [each for each in wanted if not is_set(each, current.get(each["responseType"], {}))]
            for response in changed:
                api.put_gateway_response(restApiId=api_id, **response)
            if changed:
                api.create_deployment(restApiId=api_id, stageName=STAGE_NAME)


def read_template(template: Path) -> Any:
    """A template as SAM leaves it after a build: without CloudFormation's short tags."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the fast one is missing where libyaml is
    return yaml.load(template.read_text(encoding="utf-8"), Loader=loader)  # noqa: S506


def is_set(wanted: Mapping[str, Any], current: Mapping[str, Any]) -> bool:
    """Whether a gateway response is as the template wants it."""
    return not current.get("defaultResponse", True) and all(current.get(name) == wanted[name] for name in wanted)


def gateway_responses(template: Mapping[str, Any], parameters: Mapping[str, str]) -> list[dict[str, Any]]:
    """The API's gateway responses in a template as arguments of `put_gateway_response`.

    There they are in SAM's form: `ResponseType: {StatusCode, ResponseParameters: {Headers: {…}}, ResponseTemplates}`.
    """
    properties = template["Resources"][API_RESOURCE]["Properties"]
    responses = []
    for response_type, response in properties.get("GatewayResponses", {}).items():
        arguments: dict[str, Any] = {"responseType": response_type}
        if "StatusCode" in response:
            arguments["statusCode"] = str(response["StatusCode"])
        headers = response.get("ResponseParameters", {}).get("Headers", {})
        arguments["responseParameters"] = {
            f"gatewayresponse.header.{name}": resolve(value, parameters) for name, value in headers.items()
        }
        templates = response.get("ResponseTemplates", {})
        if templates:
            arguments["responseTemplates"] = {
                media_type: resolve(value, parameters) for media_type, value in templates.items()
            }
        responses.append(arguments)
    return responses


def resolve(value: Any, parameters: Mapping[str, str]) -> str:
    """A string of the template with its references to parameters filled in.

    Knows `Ref` and the short form of `Fn::Sub`. Raises RunnerError for anything else.
    """
    match value:
        case str():
            return value
        case {"Ref": str(name)} if name in parameters:
            return parameters[name]
        case {"Fn::Sub": str(text)}:
            for name, filling in parameters.items():
                text = text.replace(f"${{{name}}}", filling)
            if "${" not in text:
                return text
    raise RunnerError(f"A gateway response in template.yaml holds what the local runner cannot fill in: {value}")
