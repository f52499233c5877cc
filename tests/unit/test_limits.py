"""CloudFormation's and Lambda's limits, for every parameter that docs/production.md names."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.world.deployed import Decided, production_parameters, system
from tests.world.template import ROOT, template

pytestmark = pytest.mark.xdist_group("templates")  # SAM's transform takes a second, so one process does it for all

MAX_TEMPLATE_BYTES = 1_000_000
MAX_RESOURCES = 500
MAX_PARAMETERS = 200
MAX_OUTPUTS = 200
MAX_VARIABLES_BYTES = 4096
MAX_ROLE_POLICY_CHARACTERS = 10_240
"""For all inline policies of a role together, without whitespace."""
MAX_LAYERS = 5

STACK_NAME = "s" * 40
GENERATED = len("-123456789ABC")
ARN = len("arn:aws-us-gov:elasticloadbalancing:us-gov-west-1:123456789012:")
REFERRED_BY_NAME = {"AWS::DynamoDB::Table", "AWS::Lambda::Function", "AWS::S3::Bucket"}
"""`Ref` gives the name of these, and an ARN or a URL of others."""
KEY_SET = 2 * 160 + 20
"""The characters of two public keys, which there are while the signing key changes."""
OTHER_VALUES = {
    "AlarmEmail": "operators@example.com",
    "CorsOrigins": ",".join(f"https://watch-{n}.example.com" for n in range(8)),
    "DataSourceUrl": "https://instrument.example.com/point",
    "WebhookSecretArn": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:sitewatch/webhook-abcdef",
    "StreamShards": "4",
}
"""A value that is not the default, for parameters that are neither a switch nor a number."""


def documented() -> list[str]:
    """The parameters in the table of docs/production.md."""
    text = (ROOT / "docs" / "production.md").read_text(encoding="utf-8")
    table = text.partition("| parameter | default | what |")[2].partition("\n\n")[0]
    cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    return [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]


def changed(name: str) -> str:
    """A value of a parameter that is not its default."""
    if name in OTHER_VALUES:
        return OTHER_VALUES[name]
    parameter = template()["Parameters"][name]
    others = [value for value in parameter.get("AllowedValues", []) if value != parameter["Default"]]
    return str(others[0] if others else int(parameter["Default"]) + 1)


SETS = [{}, *({name: changed(name)} for name in documented()), {name: changed(name) for name in documented()}]


@pytest.fixture(autouse=True)
def world() -> None:
    """No table is needed here."""


@pytest.fixture(params=SETS, ids=lambda each: "+".join(each) if len(each) < 2 else "all")
def stack(request: pytest.FixtureRequest) -> Decided:
    return system(**production_parameters() | request.param)


def characters(value: Any, stack: Decided) -> int:  # noqa: PLR0911 - a case for each form
    """The length of a value once CloudFormation has resolved it, at most."""
    match value:
        case {"Ref": str(name)} if stack.resources.get(name, {}).get("Type") in REFERRED_BY_NAME:
            return len(STACK_NAME) + len(name) + GENERATED
        case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), *_]} | {"Fn::GetAtt": str(name)}:
            return referred(name.partition(".")[0], stack)
        case {"Fn::Sub": str(text)}:
            return substituted(text, {}, stack)
        case {"Fn::Sub": [str(text), dict(variables)]}:
            return substituted(text, variables, stack)
        case {"Fn::Join": [str(separator), values]}:
            parts = values if isinstance(values, list) else [values]
            return sum(characters(each, stack) + len(separator) for each in parts)
        case {**fields}:
            return sum(len(json.dumps(key)) + 2 + characters(each, stack) for key, each in fields.items()) + 2
        case [*values]:
            return sum(characters(each, stack) + 1 for each in values) + 2
        case str(text):
            return len(text) + 2
        case _:
            return len(json.dumps(value))


def referred(name: str, stack: Decided) -> int:
    """The length of what a name refers to: a pseudo parameter, a parameter, or a resource's name or ARN."""
    if name.startswith("AWS::"):
        return len(STACK_NAME)
    if name == "SigningKey":
        return KEY_SET
    if name in stack.parameters:
        return len(str(stack.value(name)))
    return ARN + len(STACK_NAME) + len(name) + GENERATED


def substituted(text: str, variables: Mapping[str, Any], stack: Decided) -> int:
    names = re.findall(r"\$\{([^!}]+)\}", text)
    fixed = len(re.sub(r"\$\{[^}]+\}", "", text))
    return fixed + sum(
        characters(variables[name], stack) if name in variables else referred(name.partition(".")[0], stack)
        for name in names
    )


def policies(stack: Decided) -> Iterator[tuple[str, list[Any]]]:
    for name, role in stack.of_type("AWS::IAM::Role").items():
        yield name, [each["PolicyDocument"] for each in role.get("Policies", [])]


def test_every_documented_parameter_exists_and_has_another_value() -> None:
    assert len(documented()) > 10
    for name in documented():
        assert changed(name) != str(template()["Parameters"][name]["Default"])


def test_the_template_fits_into_cloudformation(stack: Decided) -> None:
    assert len(stack.resources) <= MAX_RESOURCES
    assert len(stack.parameters) <= MAX_PARAMETERS
    assert len(stack.outputs) <= MAX_OUTPUTS
    assert len(json.dumps(stack.resources)) <= MAX_TEMPLATE_BYTES


def test_a_functions_variables_fit_into_lambda(stack: Decided) -> None:
    for name, function in stack.of_type("AWS::Lambda::Function").items():
        variables = function["Environment"]["Variables"]
        used = sum(len(key) + characters(value, stack) for key, value in variables.items())
        assert used <= MAX_VARIABLES_BYTES, name
        assert len(function["Layers"]) <= MAX_LAYERS


def test_a_roles_policies_fit_into_iam(stack: Decided) -> None:
    for name, documents in policies(stack):
        assert sum(characters(each, stack) for each in documents) <= MAX_ROLE_POLICY_CHARACTERS, name
