"""The project's own files: template.yaml, its routes and sample events, samconfig.toml."""

import json
import re
import tomllib
from collections.abc import Mapping
from functools import cache
from typing import Any

from runner import template
from runner.template import FUNCTION, Template
from runner.workspace import PROJECT_ROOT

SAMPLES = PROJECT_ROOT / "events"
SAMCONFIG = PROJECT_ROOT / "samconfig.toml"
ACCOUNT, REGION = "123456789012", "us-east-1"
PSEUDO_PARAMETERS = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::StackName": "AWS::StackName",
    "AWS::URLSuffix": "amazonaws.com",
}
"""Of a stack that is not deployed."""


@cache
def read_template(name: str = "template.yaml") -> dict[str, Any]:
    """A template of the project, with its anchors resolved."""
    return template.read(PROJECT_ROOT / name)


def resources(kind: str) -> dict[str, dict[str, Any]]:
    """The properties of every resource of a type in template.yaml, by logical id."""
    return {name: each.get("Properties", {}) for name, each in template.of_type(read_template(), kind)}


def routes() -> dict[tuple[str, str], str]:
    """Every route: `("GET", "/users")` to the handler that answers it, `"accounts.get_users.handler"`."""
    return {
        (event["Properties"]["Method"].upper(), event["Properties"]["Path"]): function["Handler"]
        for function in resources(FUNCTION).values()
        for event in function.get("Events", {}).values()
        if event["Type"] == "Api"
    }


def sample_name(function: str) -> str:
    """The name of a function's sample event: `PostUsersFunction` has `post_users`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", function.removesuffix("Function")).lower()


def samples() -> dict[str, dict[str, Any]]:
    """The sample event of every handler that has one."""
    files = {each["Handler"]: SAMPLES / f"{sample_name(name)}.json" for name, each in resources(FUNCTION).items()}
    return {handler: json.loads(file.read_text(encoding="utf-8")) for handler, file in files.items() if file.exists()}


def samconfig(environment: str, command: str) -> dict[str, Any]:
    """A command's settings in samconfig.toml."""
    settings = tomllib.loads(SAMCONFIG.read_text(encoding="utf-8"))
    parameters: dict[str, Any] = settings[environment][command]["parameters"]
    return parameters


def deploy_parameters(environment: str) -> dict[str, str]:
    """The template's parameters that `sam deploy --config-env` of that environment sets."""
    overrides = samconfig(environment, "deploy")["parameter_overrides"]
    return dict(each.partition("=")[::2] for each in overrides)


def reserved_concurrency(parameters: Mapping[str, str]) -> int:
    """The concurrent executions that a stack with these parameters reserves for its functions."""
    stack = Template(read_template(), {**PSEUDO_PARAMETERS, **parameters})
    functions = (each for each in stack.decided("Resources").values() if each["Type"] == FUNCTION)
    return sum(int(stack.text(each["Properties"].get("ReservedConcurrentExecutions", 0))) for each in functions)


def queue_name(logical_id: str) -> str:
    """The name of a queue as if its logical id were its name."""
    return f"{logical_id}.fifo" if resources("AWS::SQS::Queue")[logical_id].get("FifoQueue") else logical_id


def undeployed_variables() -> dict[str, str]:
    """The environment variables of all functions together, as if resources were named by their logical ids.

    Attributes of resources, such as public keys, are empty. Passwords and readings follow the local run's rules.
    """
    document = read_template()
    local = deploy_parameters("local")
    rules = {name: local[name] for name in ("PasswordMinLength", "CommonPasswords", "PublicReadings")}
    names = {
        "AWS::SQS::Queue": lambda name: f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{queue_name(name)}",
        "AWS::SNS::Topic": lambda name: f"arn:aws:sns:{REGION}:{ACCOUNT}:{name}",
        "AWS::S3::Bucket": str.lower,
    }
    ids = {name: names.get(each["Type"], str)(name) for name, each in document["Resources"].items()}
    stack = Template(document, {**PSEUDO_PARAMETERS, **rules}, ids)
    variables: dict[str, Any] = dict(document["Globals"]["Function"]["Environment"]["Variables"])
    for function in resources(FUNCTION).values():
        own: Mapping[str, Any] = function.get("Environment", {}).get("Variables", {})
        variables |= {name: value for name, value in own.items() if value != ""}
    return {name: "" if template.attribute(value) else stack.text(value) for name, value in variables.items()}
