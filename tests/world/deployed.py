"""The templates as deployed: transformed by SAM, with the conditions evaluated."""

import json
import os
from collections.abc import Mapping
from functools import cache
from typing import Any
from unittest import mock

from samtranslator.translator.managed_policy_translator import ManagedPolicyLoader
from samtranslator.translator.transform import transform

from runner import project
from runner.project import read_template, samconfig
from runner.template import Template, references

__all__ = ["Decided", "monitoring", "production_parameters", "references", "samconfig", "system", "transformed"]

REGION = "eu-west-1"
PSEUDO_PARAMETERS = {**project.PSEUDO_PARAMETERS, "AWS::Region": REGION, "AWS::StackName": "sitewatch"}
UPLOADED = "s3://bucket/key"
LOCAL_PATHS = ("CodeUri", "ContentUri")


class _NoManagedPolicies(ManagedPolicyLoader):
    """Stands in for SAM's loader of managed policies from IAM; the template uses none."""

    def __init__(self) -> None:
        super().__init__(iam_client=mock.Mock())

    def load(self) -> dict[str, str]:
        return {}


def production_parameters() -> dict[str, str]:
    """The parameters that `sam deploy --config-env prod` sets."""
    return project.deploy_parameters("prod")


def transformed(more: Mapping[str, Any] | None = None, /, **parameters: str) -> dict[str, Any]:
    """Return template.yaml after SAM's transform, as CloudFormation gets it, with its conditions undecided.

    ``more`` are further resources to transform with it.
    """
    # Copied through JSON, because SAM changes objects in place that anchors share.
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
    """A template's resources under given parameters: only those that are deployed, every ``Fn::If`` decided."""

    def __init__(self, template: Mapping[str, Any], parameters: Mapping[str, str]) -> None:
        self._template = Template(template, {**PSEUDO_PARAMETERS, **parameters})
        self.parameters: set[str] = set(template["Parameters"])
        self.resources = self._template.decided("Resources")
        self.outputs = self._template.decided("Outputs")

    def of_type(self, kind: str) -> dict[str, dict[str, Any]]:
        """The properties of every resource of type ``kind``, by logical id."""
        return {
            name: resource.get("Properties", {})
            for name, resource in self.resources.items()
            if resource["Type"] == kind
        }

    def value(self, name: str) -> Any:
        """The value of a parameter."""
        return self._template.parameters[name]

    def holds(self, condition: Any) -> bool:
        """Whether a condition (a name or an expression) is true."""
        return self._template.holds(condition)


@cache
def system(**parameters: str) -> Decided:
    """The stack of template.yaml under these parameters."""
    return Decided(transformed(**parameters), parameters)


@cache
def monitoring() -> Decided:
    """The nested stack of monitoring.yaml in production."""
    stack = system(**production_parameters())
    given = stack.resources["Monitoring"]["Properties"]["Parameters"]
    texts = {name: value if isinstance(value, str) else str(value) for name, value in given.items()}
    return Decided(read_template("monitoring.yaml"), {**texts, "AlarmEmail": str(stack.value("AlarmEmail"))})
