"""CloudFormation templates: read them, follow their references, decide their conditions, fill in their functions."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from runner.errors import RunnerError

NO_VALUE = {"Ref": "AWS::NoValue"}
FUNCTION = "AWS::Serverless::Function"
REFERENCE = re.compile(r"\$\{([^!}][^}]*)\}")
"""A reference in the text of `Fn::Sub`; `${!literal}` is not one."""


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # the fast one needs libyaml
    """Reads CloudFormation's short tags as one-key mappings: `!Ref X` is `{"Ref": "X"}`."""


def _short_tag(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    elif isinstance(node, yaml.MappingNode):
        value = loader.construct_mapping(node, deep=True)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _short_tag)


def read(file: Path) -> dict[str, Any]:
    """A template, with or without short tags, its anchors resolved."""
    document: dict[str, Any] = yaml.load(file.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - a safe loader
    return document


def of_type(document: Mapping[str, Any], *kinds: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The resources of these types, by logical id."""
    for name, resource in document.get("Resources", {}).items():
        if resource.get("Type") in kinds:
            yield name, resource


def attribute(value: Any) -> tuple[str, str] | None:
    """The logical id and the attribute of an `Fn::GetAtt`, in either of its forms; None for anything else."""
    match value:
        case {"Fn::GetAtt": [str(name), str(of)]}:
            return name, of
        case {"Fn::GetAtt": str(path)}:
            name, _, of = path.partition(".")
            return name, of
    return None


def named(value: Any) -> str | None:
    """The logical id in a `Ref` or `Fn::GetAtt`; None for anything else."""
    match value:
        case {"Ref": str(name)}:
            return name
    found = attribute(value)
    return found and found[0]


def references(value: Any) -> set[str]:
    """Every logical id and parameter that a value refers to, without pseudo parameters."""
    found: set[str] = set()
    if (name := named(value)) is not None:
        found = {name}
    elif isinstance(value, dict) and "Fn::Sub" in value:
        text, variables = _substitution(value["Fn::Sub"])
        found = set(REFERENCE.findall(text)) - variables.keys() | references(list(variables.values()))
    elif isinstance(value, dict | list):
        found = set().union(*map(references, value.values() if isinstance(value, dict) else value))
    return {each.partition(".")[0] for each in found if not each.startswith("AWS::")}


def _substitution(value: Any) -> tuple[str, Mapping[str, Any]]:
    text, variables = value if isinstance(value, list) else (value, {})
    return str(text), variables


class Template:
    """A template with everything that its intrinsic functions need.

    `parameters` overrides the template's defaults and may hold pseudo parameters. `ids` are physical ids by logical
    id; `attributes` are the attributes of resources by logical id.
    """

    def __init__(
        self,
        document: Mapping[str, Any],
        parameters: Mapping[str, str],
        ids: Mapping[str, str] | None = None,
        attributes: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        self.document = document
        declared = document.get("Parameters", {})
        defaults = {name: str(each["Default"]) for name, each in declared.items() if "Default" in each}
        self.parameters: dict[str, str] = {**defaults, **parameters}
        self.ids = dict(ids or {})
        self.attributes = dict(attributes or {})

    def holds(self, condition: Any) -> bool:
        """Whether a condition is true, given by its name or written out.

        Raises RunnerError for an unknown function.
        """
        match condition:
            case str(name) | {"Condition": str(name)}:
                return self.holds(self.document["Conditions"][name])
            case {"Fn::Equals": [one, other]}:
                return self.text(one) == self.text(other)
            case {"Fn::Not": [one]}:
                return not self.holds(one)
            case {"Fn::And": list(several)}:
                return all(map(self.holds, several))
            case {"Fn::Or": list(several)}:
                return any(map(self.holds, several))
        raise RunnerError(f"A condition of the template is not known here: {condition}")

    def decide(self, value: Any) -> Any:
        """A value with every `Fn::If` replaced by its branch, and without what `AWS::NoValue` leaves out."""
        match value:
            case {"Fn::If": [condition, yes, no]}:
                return self.decide(yes if self.holds(condition) else no)
            case dict():
                decided = {key: self.decide(each) for key, each in value.items()}
                return {key: each for key, each in decided.items() if each != NO_VALUE}
            case list():
                return [decided for each in value if (decided := self.decide(each)) != NO_VALUE]
        return value

    def decided(self, section: str) -> dict[str, dict[str, Any]]:
        """The resources or outputs that are deployed, with their conditions decided."""
        return {
            name: self.decide(each)
            for name, each in self.document.get(section, {}).items()
            if "Condition" not in each or self.holds(each["Condition"])
        }

    def text(self, value: Any) -> str:
        """A value as text, with its intrinsic functions filled in.

        Raises RunnerError for an unknown function or reference.
        """
        match value:
            case str() | int() | float():
                return str(value)
            case {"Fn::If": [_, _, _]}:
                return self.text(self.decide(value))
            case {"Fn::Join": [str(separator), parts]}:
                several = parts if isinstance(parts, list) else self.text(parts).split(",")
                return separator.join(map(self.text, several))
            case {"Fn::Sub": str() | list()}:
                text, variables = _substitution(value["Fn::Sub"])
                return REFERENCE.sub(lambda found: self._referred(found[1], variables), text).replace("${!", "${")
        return self._reference(value)

    def _reference(self, value: Any) -> str:
        name, of = attribute(value) or (named(value), None)
        for known in (self.parameters, self.ids) if of is None else (self.attributes.get(str(name), {}),):
            if (key := str(of or name)) in known:
                return known[key]
        raise RunnerError(f"The template has a value that the runner cannot fill in: {value}")

    def _referred(self, name: str, variables: Mapping[str, Any]) -> str:
        if name in variables:
            return self.text(variables[name])
        return self.text({"Fn::GetAtt": name} if "." in name else {"Ref": name})
