"""Make a stack's custom resources where an engine's CloudFormation passes over them, as LocalStack's free edition does.

It calls the functions behind them as CloudFormation would, with an answer address that is a signed URL of an object in
S3, and puts the attributes that they answer into the environment of every function that reads them.
"""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from runner.errors import RunnerError
from runner.local.deployment import ARTIFACTS_BUCKET, Deployment, aws_errors_as_runner_errors
from runner.stack import aws_client

FUNCTION = "AWS::Serverless::Function"
CUSTOM = "Custom::"
ANSWER_SECONDS = 300


@dataclass(slots=True)
class World:
    """What a template's intrinsic functions refer to: values of parameters, physical ids, attributes."""

    template: Mapping[str, Any]
    parameters: Mapping[str, str]
    ids: Mapping[str, str]
    attributes: dict[str, dict[str, str]] = field(default_factory=dict)

    def holds(self, condition: Any) -> bool:
        """Whether a condition of the template holds.

        Raises RunnerError for a function that is not known here.
        """
        match condition:
            case str():
                return self.holds(self.template["Conditions"][condition])
            case {"Condition": str(name)}:
                return self.holds(name)
            case {"Fn::Equals": [one, other]}:
                return str(self.value(one)) == str(self.value(other))
            case {"Fn::Not": [one]}:
                return not self.holds(one)
            case {"Fn::Or": list(several)}:
                return any(self.holds(one) for one in several)
            case {"Fn::And": list(several)}:
                return all(self.holds(one) for one in several)
        raise RunnerError(f"A condition of template.yaml holds what is not known here: {condition}")

    def value(self, value: Any) -> Any:
        """A value of the template with its references filled in.

        Raises RunnerError for a function that is not known here.
        """
        match value:
            case {"Ref": str(name)} if name in self.parameters:
                return self.parameters[name]
            case {"Ref": str(name)} if name in self.ids:
                return self.ids[name]
            case {"Fn::GetAtt": [str(name), str(attribute)]} if attribute in self.attributes.get(name, {}):
                return self.attributes[name][attribute]
            case {"Fn::If": [str(condition), one, other]}:
                return self.value(one if self.holds(condition) else other)
            case str() | int() | float():
                return str(value)
        raise RunnerError(f"A custom resource in template.yaml holds what is not known here: {value}")

    def readers_of(self, resource: str) -> dict[str, dict[str, str]]:
        """The variables that are attributes of a resource, by the logical id of the function that has them."""
        shared = self.template["Globals"]["Function"]["Environment"]["Variables"]
        found = {}
        for name, each in self.template["Resources"].items():
            if each["Type"] != FUNCTION or name not in self.ids:
                continue
            variables = shared | each["Properties"].get("Environment", {}).get("Variables", {})
            read = {
                variable: self.value(value)
                for variable, value in variables.items()
                if isinstance(value, dict) and value.get("Fn::GetAtt", [""])[0] == resource
            }
            if read:
                found[name] = read
        return found


def make(
    deployment: Deployment, parameters: Mapping[str, str], template: Mapping[str, Any], from_functions: str
) -> list[str]:
    """Make every custom resource of the stack, in the template's order; their logical ids.

    `parameters` are as they were deployed, passwords too, which CloudFormation does not give away;
    `from_functions` is the address under which functions reach the engine. Doing it again changes nothing: the
    functions behind them are as idempotent as CloudFormation needs them.
    Raises RunnerError where one fails.
    """
    with aws_errors_as_runner_errors("Asking for the stack's resources"):
        resources = deployment.client("cloudformation").describe_stack_resources(StackName="sitewatch")
    ids = {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in resources["StackResources"]}
    world, made = World(template, parameters, ids), []
    for name, resource in template["Resources"].items():
        if not resource["Type"].startswith(CUSTOM) or name not in ids:
            continue
        properties = {key: each for key, each in resource["Properties"].items() if key != "ServiceToken"}
        provider = resource["Properties"]["ServiceToken"]["Fn::GetAtt"][0]
        filled_in = {key: world.value(each) for key, each in properties.items()}
        world.attributes[name] = provide(deployment, ids[provider], name, filled_in, from_functions)
        for function, variables in world.readers_of(name).items():
            change_variables(deployment, ids[function], variables)
        made.append(name)
    return made


def provide(
    deployment: Deployment, function: str, name: str, properties: Mapping[str, str], from_functions: str
) -> dict[str, str]:
    """Have a function make a custom resource; the attributes that it answers.

    Raises RunnerError where it fails.
    """
    s3, key = deployment.client("s3"), f"custom-resources/{uuid.uuid4().hex}"
    signer = aws_client("s3", from_functions, deployment.region, s3={"addressing_style": "path"})
    address = signer.generate_presigned_url(
        "put_object", Params={"Bucket": ARTIFACTS_BUCKET, "Key": key}, ExpiresIn=ANSWER_SECONDS
    )
    event = {
        "RequestType": "Create",
        "ResponseURL": address,
        "StackId": "sitewatch",
        "RequestId": uuid.uuid4().hex,
        "LogicalResourceId": name,
        "ResourceProperties": properties,
    }
    with aws_errors_as_runner_errors(f"Making {name}"):
        ran = deployment.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event).encode())
    if "FunctionError" in ran:
        raise RunnerError(f"Making {name} failed: {ran['Payload'].read().decode()[:500]}")
    try:
        answer = json.loads(s3.get_object(Bucket=ARTIFACTS_BUCKET, Key=key)["Body"].read())
    except (BotoCoreError, ClientError) as error:
        raise RunnerError(f"{function} did not answer at {from_functions}: {error}") from error
    if answer["Status"] != "SUCCESS":
        raise RunnerError(f"Making {name} failed: {answer['Reason']}")
    return dict(answer["Data"])


def change_variables(deployment: Deployment, function: str, variables: Mapping[str, str]) -> None:
    """Set some of a function's environment variables and wait until that is done.

    Raises RunnerError where it fails.
    """
    client = deployment.client("lambda")
    with aws_errors_as_runner_errors(f"Changing the variables of {function}"):
        now = client.get_function_configuration(FunctionName=function)["Environment"]["Variables"]
        if now | variables != now:
            client.update_function_configuration(FunctionName=function, Environment={"Variables": now | variables})
            client.get_waiter("function_updated_v2").wait(FunctionName=function, WaiterConfig={"Delay": 1})
