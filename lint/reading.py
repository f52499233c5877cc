"""A transformed template as the rules read it: references followed, conditions seen through."""

from collections.abc import Iterator, Mapping
from typing import Any

from runner.template import named, of_type

__all__ = ["Resource", "alternatives", "called_function", "listed", "named", "of_type", "properties", "referred"]

Resource = Mapping[str, Any]


def properties(resource: Resource) -> Mapping[str, Any]:
    """The properties of a resource; none where it has none."""
    found: Mapping[str, Any] = resource.get("Properties", {})
    return found


def referred(template: Mapping[str, Any], value: Any, kind: str) -> tuple[str, Resource] | None:
    """The resource of type ``kind`` that ``value`` names; None where it names none of that type."""
    name = named(value)
    resource = template.get("Resources", {}).get(name, {})
    return (name, resource) if name is not None and resource.get("Type") == kind else None


def called_function(template: Mapping[str, Any], value: Any) -> tuple[str, Resource] | None:
    """The function that ``value`` names."""
    return referred(template, value, "AWS::Lambda::Function")


def alternatives(value: Any) -> Iterator[Any]:
    """What ``value`` can be: itself, or what each branch of an ``Fn::If`` gives."""
    match value:
        case {"Fn::If": [_, yes, no]}:
            yield from alternatives(yes)
            yield from alternatives(no)
        case {"Ref": "AWS::NoValue"}:
            return
        case _:
            yield value


def listed(value: Any) -> list[Any]:
    """A list as it is, anything else as a list of itself; nothing as an empty one."""
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]
