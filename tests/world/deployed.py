"""What a deployment makes of the templates: transformed as SAM does it, with its parameters' conditions decided."""

import json
import os
import tomllib
from collections.abc import Mapping
from functools import cache
from typing import Any
from unittest import mock

from samtranslator.translator.managed_policy_translator import ManagedPolicyLoader
from samtranslator.translator.transform import transform

from tests.world.template import ROOT, read_template

REGION = "eu-west-1"
PSEUDO_PARAMETERS = {
    "AWS::AccountId": "123456789012",
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::StackName": "sitewatch",
    "AWS::URLSuffix": "amazonaws.com",
}
NO_VALUE = {"Ref": "AWS::NoValue"}
UPLOADED = "s3://bucket/key"
LOCAL_PATHS = ("CodeUri", "ContentUri")


class _NoManagedPolicies(ManagedPolicyLoader):
    """SAM would ask IAM for policies by their short names; the template uses none."""

    def __init__(self) -> None:
        super().__init__(iam_client=mock.Mock())

    def load(self) -> dict[str, str]:
        return {}


def samconfig(environment: str, command: str) -> dict[str, Any]:
    """A command's settings in samconfig.toml."""
    with (ROOT / "samconfig.toml").open("rb") as file:
        found: dict[str, Any] = tomllib.load(file)[environment][command]["parameters"]
    return found


def production_parameters() -> dict[str, str]:
    """What `sam deploy --config-env prod` sets."""
    return dict(each.partition("=")[::2] for each in samconfig("prod", "deploy")["parameter_overrides"])


def transformed(more: Mapping[str, Any] | None = None, **parameters: str) -> dict[str, Any]:
    """Return template.yaml after SAM's transform, as CloudFormation gets it, with its conditions undecided.

    ``more`` are further resources to transform with it.
    """
    # Through JSON: SAM changes in place what anchors have several times.
    template = json.loads(json.dumps(read_template("template.yaml"), default=str))
    template["Resources"] |= more or {}
    for resource in template["Resources"].values():
        for path in LOCAL_PATHS:
            if path in resource.get("Properties", {}):
                resource["Properties"][path] = UPLOADED
    template["Globals"]["Function"]["CodeUri"] = UPLOADED
    with mock.patch.dict(os.environ, {"AWS_DEFAULT_REGION": REGION}):
        found: dict[str, Any] = transform(template, dict(parameters), _NoManagedPolicies())
    return found


class Decided:
    """A template's resources under given parameters: only those that are made, every ``Fn::If`` decided."""

    def __init__(self, template: Mapping[str, Any], parameters: Mapping[str, str]) -> None:
        defaults = {name: str(each["Default"]) for name, each in template["Parameters"].items() if "Default" in each}
        self._known: dict[str, Any] = {**PSEUDO_PARAMETERS, **defaults, **parameters}
        self._conditions: Mapping[str, Any] = template.get("Conditions", {})
        self.parameters: set[str] = set(template["Parameters"])
        self.resources: dict[str, dict[str, Any]] = {
            name: self._decide(resource)
            for name, resource in template["Resources"].items()
            if "Condition" not in resource or self.holds(resource["Condition"])
        }
        self.outputs: dict[str, dict[str, Any]] = {
            name: self._decide(output)
            for name, output in template["Outputs"].items()
            if "Condition" not in output or self.holds(output["Condition"])
        }

    def of_type(self, kind: str) -> dict[str, dict[str, Any]]:
        """The properties of every resource of type ``kind``, by logical id."""
        return {
            name: resource.get("Properties", {})
            for name, resource in self.resources.items()
            if resource["Type"] == kind
        }

    def value(self, name: str) -> Any:
        """The value of a parameter."""
        return self._known[name]

    def holds(self, condition: Any) -> bool:
        """Whether a condition, by its name or written out, is true."""
        match condition:
            case str(name) | {"Condition": str(name)}:
                return self.holds(self._conditions[name])
            case {"Fn::Equals": [one, other]}:
                return bool(self._value_of(one) == self._value_of(other))
            case {"Fn::Not": [inner]}:
                return not self.holds(inner)
            case {"Fn::And": inner}:
                return all(self.holds(each) for each in inner)
            case {"Fn::Or": inner}:
                return any(self.holds(each) for each in inner)
        raise AssertionError(f"what condition is that? {condition}")

    def _value_of(self, operand: Any) -> str:
        return str(self._known[operand["Ref"]] if isinstance(operand, dict) else operand)

    def _decide(self, value: Any) -> Any:
        match value:
            case {"Fn::If": [condition, yes, no]}:
                return self._decide(yes if self.holds(condition) else no)
            case dict():
                decided = {key: self._decide(each) for key, each in value.items()}
                return {key: each for key, each in decided.items() if each != NO_VALUE}
            case list():
                return [decided for each in value if (decided := self._decide(each)) != NO_VALUE]
        return value


@cache
def system(**parameters: str) -> Decided:
    """The stack of template.yaml under these parameters."""
    return Decided(transformed(**parameters), parameters)


@cache
def monitoring() -> Decided:
    """The nested stack of monitoring.yaml in production."""
    stack = system(**production_parameters())
    given = stack.resources["Monitoring"]["Properties"]["Parameters"]
    told = {name: value if isinstance(value, str) else str(value) for name, value in given.items()}
    return Decided(read_template("monitoring.yaml"), {**told, "AlarmEmail": str(stack.value("AlarmEmail"))})


def references(value: Any) -> set[str]:
    """The logical ids that ``value`` refers to, pseudo parameters left out."""
    match value:
        case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), *_]} | {"Fn::GetAtt": str(name)}:
            return set() if name.startswith("AWS::") else {name.partition(".")[0]}
        case {"Fn::Sub": [str(text), {**variables}]}:
            return (_in_text(text) - variables.keys()) | references(list(variables.values()))
        case {"Fn::Sub": str(text)}:
            return _in_text(text)
        case dict() | list():
            inner = value.values() if isinstance(value, dict) else value
            return set().union(*(references(each) for each in inner))
    return set()


def _in_text(text: str) -> set[str]:
    names = {each.partition("}")[0] for each in text.split("${")[1:]}
    return {name.partition(".")[0] for name in names if not name.startswith(("AWS::", "!"))}
