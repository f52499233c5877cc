"""Deploy the built template to the emulator, and add what its CloudFormation leaves out."""

import contextlib
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from runner import template
from runner.errors import RunnerError
from runner.local import environment
from runner.local.environment import STAGE_NAME
from runner.processes import run_logged
from runner.stack import Description, Stack, aws_errors
from runner.template import Template
from runner.waiting import wait_until
from runner.workspace import Workspace, exclusive

API_RESOURCE = "Api"
ARTIFACTS_BUCKET = "sitewatch-artifacts"
DEPLOY_DEADLINE_S = 900.0
DELETE_DEADLINE_S = 120.0
STEADY_STATUSES = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"})
"""A deployment can start from these; with any other status the stack has to be deleted first. A stack stays
UPDATE_ROLLBACK_COMPLETE, with its former resources, if the next deployment finds nothing to change."""
EMPTY = '""'
IN_REVIEW = "REVIEW_IN_PROGRESS"


def deploy(stack: Stack, workspace: Workspace, built: Path, parameters: Mapping[str, str]) -> Description:
    """Deploy a built template with `sam deploy`.

    Raises RunnerError, with the first resource that failed or the end of SAM's output.
    """
    make_bucket(stack)
    command = [*environment.SAM, "deploy", "--template-file", str(built)]
    command += ["--stack-name", stack.stack_name, "--s3-bucket", ARTIFACTS_BUCKET, "--region", stack.region]
    command += ["--capabilities", "CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
    command += ["--no-confirm-changeset", "--no-fail-on-empty-changeset", "--no-progressbar"]
    # SAM accepts an empty value only in quotes.
    command += ["--parameter-overrides", *(f"{name}={value or EMPTY}" for name, value in parameters.items())]
    began = datetime.now(UTC).replace(microsecond=0)
    try:
        # SAM leaves an empty temporary folder for each function.
        with alone(workspace) as lock, tempfile.TemporaryDirectory(dir=workspace.scratch) as temporary:
            settings = {**stack.credentials.variables(), "TMPDIR": temporary}
            run_logged(
                command,
                environment=environment.sam(workspace, stack.endpoint_url, settings),
                folder=workspace.home,
                log=workspace.deploy_log,
                deadline_s=DEPLOY_DEADLINE_S,
                what="sam deploy",
                lock=lock,
            )
    except RunnerError as error:
        reason = first_failure(stack, since=began)
        if reason is None:
            raise
        raise RunnerError(f"sam deploy failed: {reason}\nIts log is {workspace.deploy_log}.") from error
    deployed = stack.require()
    if deployed.status not in STEADY_STATUSES:
        raise RunnerError(f"sam deploy left the stack {deployed.status}; its log is {workspace.deploy_log}.")
    return deployed


def alone(workspace: Workspace) -> contextlib.AbstractContextManager[int]:
    """Wait for a deployment that a killed command has left running, and keep others away while the block runs."""
    busy = f"Another deployment has been running for {DEPLOY_DEADLINE_S:.0f} s; its log is {workspace.deploy_log}."
    return exclusive(workspace.home / "deploy.lock", DEPLOY_DEADLINE_S, busy)


def settled(stack: Stack, workspace: Workspace) -> Description | None:
    """Describe the stack once nothing changes it any more; a killed command may have left it changing."""
    with alone(workspace):
        late = f"The stack was still changing after {DEPLOY_DEADLINE_S:.0f} s; make reset starts again from nothing."
        wait_until(lambda: not is_changing(stack.describe()), DEPLOY_DEADLINE_S, late, pause_s=0.3)
        return stack.describe()


def is_changing(described: Description | None) -> bool:
    """Whether CloudFormation is working on the stack. A stack in review has a change set that nobody executes."""
    return described is not None and described.status.endswith("_IN_PROGRESS") and described.status != IN_REVIEW


def first_failure(stack: Stack, since: datetime) -> str | None:
    """The first resource that failed after a point in time, and why; None if none failed."""
    failure = None
    try:
        events = stack.client("cloudformation").describe_stack_events(StackName=stack.stack_name)["StackEvents"]
    except (BotoCoreError, ClientError):
        return None
    for event in events:  # the newest first
        if event["Timestamp"] < since:
            break
        if event["ResourceStatus"].endswith("_FAILED"):
            reason = event.get("ResourceStatusReason", "no reason given")
            failure = f"{event['LogicalResourceId']} ({event['ResourceType']}): {reason}"
    return failure


def delete(stack: Stack) -> None:
    """Delete a stack and wait until it is gone."""
    with aws_errors("Deleting the stack"):
        stack.client("cloudformation").delete_stack(StackName=stack.stack_name)
    late = f"The stack was not deleted within {DELETE_DEADLINE_S:.0f} s; make reset starts again from nothing."
    wait_until(lambda: stack.describe() is None, DELETE_DEADLINE_S, late, pause_s=0.3)


def make_bucket(stack: Stack) -> None:
    """Make the bucket that SAM uploads to."""
    with aws_errors("Making the bucket for the functions' code"):
        stack.client("s3").create_bucket(Bucket=ARTIFACTS_BUCKET)


def apply_gateway_responses(stack: Stack, built: Path, deployed: Description) -> None:
    """Set the API's gateway responses, which the emulator does not import with the API, unless they are set already."""
    api_id = deployed.outputs["ApiId"]
    responses = gateway_responses(Template(template.read(built), deployed.parameters))
    with aws_errors("Setting the API's gateway responses"):
        api = stack.client("apigateway")
        current = {each["responseType"]: each for each in api.get_gateway_responses(restApiId=api_id)["items"]}
        changed = [each for each in responses if not is_set(each, current.get(each["responseType"], {}))]
        for response in changed:
            api.put_gateway_response(restApiId=api_id, **response)
        if changed:
            api.create_deployment(restApiId=api_id, stageName=STAGE_NAME)


def is_set(response: Mapping[str, Any], current: Mapping[str, Any]) -> bool:
    """Whether the API's current gateway response is already this one."""
    return not current.get("defaultResponse", True) and all(current.get(name) == response[name] for name in response)


def gateway_responses(built: Template) -> list[dict[str, Any]]:
    """The API's gateway responses in a template as arguments of `put_gateway_response`.

    The template has them in SAM's form:
    `ResponseType: {StatusCode, ResponseParameters: {Headers: {…}}, ResponseTemplates}`.
    """
    properties = built.document["Resources"][API_RESOURCE]["Properties"]
    responses = []
    for response_type, response in properties.get("GatewayResponses", {}).items():
        headers = response.get("ResponseParameters", {}).get("Headers", {})
        arguments: dict[str, Any] = {
            "responseType": response_type,
            "responseParameters": {
                f"gatewayresponse.header.{name}": built.text(value) for name, value in headers.items()
            },
        }
        if "StatusCode" in response:
            arguments["statusCode"] = str(response["StatusCode"])
        templates = response.get("ResponseTemplates", {})
        if templates:
            arguments["responseTemplates"] = {media_type: built.text(value) for media_type, value in templates.items()}
        responses.append(arguments)
    return responses
