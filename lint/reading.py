"""Read a transformed template: follow references and look into conditions."""

from collections.abc import Iterator, Mapping
from typing import Any

from runner.template import named, of_type

__all__ = ["Resource", "alternatives", "called_function", "listed", "named", "of_type", "properties", "referred"]

Resource = Mapping[str, Any]


def properties(resource: Resource) -> Mapping[str, Any]:
    """The properties of a resource; empty if it has none."""
    found: Mapping[str, Any] = resource.get("Properties", {})
    return found


def referred(template: Mapping[str, Any], value: Any, kind: str) -> tuple[str, Resource] | None:
    """The name and the resource of type ``kind`` that ``value`` refers to, or None."""
    name = named(value)
    resource = template.get("Resources", {}).get(name, {})
    return (name, resource) if name is not None and resource.get("Type") == kind else None


def called_function(template: Mapping[str, Any], value: Any) -> tuple[str, Resource] | None:
    """The name and the function that ``value`` refers to, or None."""
    return referred(template, value, "AWS::Lambda::Function")


def alternatives(value: Any) -> Iterator[Any]:
    """The possible values of ``value``: itself, or those of each branch of an ``Fn::If``."""
    match value:
        case {"Fn::If": [_, yes, no]}:
            yield from alternatives(yes)
            yield from alternatives(no)
        case {"Ref": "AWS::NoValue"}:
            return
        case _:
            yield value


def listed(value: Any) -> list[Any]:
    """Return a list unchanged, None as an empty list, anything else as a list of one."""
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]
