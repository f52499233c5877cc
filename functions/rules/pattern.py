"""Event patterns: a strict model of the subset of EventBridge's language that rules use, compiled to plain functions.

The language is described in EventBridge's user guide, "Comparison operators for use in event patterns".
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WrapValidator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from sitewatch.models import BaseModel

MAX_BYTES = 8 * 1024
MAX_DEPTH = 4
MAX_VALUES = 200
_MAX_NUMBER = 5e9

Scalar = str | int | float | bool | None
Leaf = tuple[str, Scalar]
"""A part of a pattern that matched, such as ``category.0.prefix``, and the value that it matched."""
Predicate = Callable[[Any], bool]

_ABSENT = object()
_OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    "<": lambda value, limit: value < limit,
    "<=": lambda value, limit: value <= limit,
    "=": lambda value, limit: value == limit,
    ">=": lambda value, limit: value >= limit,
    ">": lambda value, limit: value > limit,
}


def _check_numeric(parts: list[Any]) -> list[Any]:
    operators, limits = parts[::2], parts[1::2]
    if len(parts) not in (2, 4) or not all(isinstance(one, str) and one in _OPERATORS for one in operators):
        raise ValueError('one or two comparisons, such as [">=", 0, "<", 10]')
    if not all(_is_number(limit) and abs(limit) <= _MAX_NUMBER for limit in limits):
        raise ValueError("a comparison needs a number from -5e9 to 5e9")
    if len(parts) == 4 and not (operators[0][0] == ">" and operators[1][0] == "<" and limits[0] < limits[1]):
        raise ValueError('two comparisons are a lower limit and a higher one, such as [">=", 0, "<", 10]')
    return parts


def _check_anything_but(value: Any) -> Any:
    values = value if isinstance(value, list) else [value]
    if not values or not (all(isinstance(one, str) for one in values) or all(map(_is_number, values))):
        raise ValueError("a text or a number, or a list of texts or of numbers")
    return value


def _check_wildcard(text: str) -> str:
    _parts(text)
    return text


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_Text = Annotated[str, StringConstraints(min_length=1, max_length=255)]
# Factories, because the schema shows other defaults, which are no valid values here.
_NO_TEXT: Any = Field(default_factory=str)


class Filter(BaseModel):
    """One comparison other than for equality. Exactly one of the fields is set."""

    model_config = ConfigDict(strict=True, extra="forbid", json_schema_extra={"minProperties": 1, "maxProperties": 1})

    prefix: _Text = _NO_TEXT
    suffix: _Text = _NO_TEXT
    wildcard: Annotated[_Text, AfterValidator(_check_wildcard)] = _NO_TEXT
    equals_ignore_case: _Text = Field(default_factory=str, alias="equals-ignore-case")
    anything_but: Annotated[Any, AfterValidator(_check_anything_but)] = Field(
        default_factory=str,
        alias="anything-but",
        json_schema_extra={
            "anyOf": [
                {"type": "string"},
                {"type": "number"},
                {"type": "array", "minItems": 1, "items": {"type": "string"}},
                {"type": "array", "minItems": 1, "items": {"type": "number"}},
            ]
        },
    )
    numeric: Annotated[
        list[Any],
        AfterValidator(_check_numeric),
        Field(
            min_length=2,
            max_length=4,
            json_schema_extra={
                "items": {"anyOf": [{"type": "string"}, {"type": "number"}]},
                "examples": [[">=", 0, "<", 10]],
            },
        ),
    ] = Field(default_factory=list)
    exists: bool = True

    @model_validator(mode="after")
    def _has_one_comparison(self) -> "Filter":
        if len(self.model_fields_set) != 1:
            raise ValueError("exactly one comparison")
        return self


def _value(value: Any, _: object) -> Any:
    # Not a union: the errors of one would name its members, and a client could not find the field.
    if isinstance(value, dict):
        return Filter.model_validate(value)
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise ValueError('a value, or a comparison such as {"prefix": "A"}')


_Value = Annotated[Scalar | Filter, WrapValidator(_value)]
_Values = Annotated[list[_Value], Field(min_length=1, max_length=MAX_VALUES)]
_NO_VALUES: Any = Field(default_factory=list)
"""Of a field that the pattern does not name."""


class Match(BaseModel):
    """A pattern: every field that it names has one of its values, and so has one of the patterns in ``$or``."""

    model_config = ConfigDict(strict=True, extra="forbid", json_schema_extra={"minProperties": 1})

    source: _Values = _NO_VALUES
    zone: _Values = _NO_VALUES
    year: _Values = _NO_VALUES
    make: _Values = _NO_VALUES
    model: _Values = _NO_VALUES
    category: _Values = _NO_VALUES
    suspicious: _Values = _NO_VALUES
    value: _Values = _NO_VALUES
    valid: _Values = _NO_VALUES
    tags: _Values = _NO_VALUES
    event_type: _Values = _NO_VALUES
    event_payload: _Values = _NO_VALUES
    inside: _Values = _NO_VALUES
    in_count: _Values = _NO_VALUES
    out: _Values = _NO_VALUES
    kind: _Values = _NO_VALUES
    state: _Values = _NO_VALUES
    any_of: list["Match"] = Field(default_factory=list, alias="$or", min_length=2, max_length=MAX_VALUES)

    @model_validator(mode="after")
    def _is_not_empty(self) -> "Match":
        if not self.model_fields_set:
            raise ValueError("at least one field")
        return self

    def unknown_fields(self, known: frozenset[str]) -> Iterator[tuple[str | int, ...]]:
        """The place of each field of the pattern that is not one of ``known``."""
        yield from ((name,) for name in sorted(self.model_fields_set - known - {"any_of"}))
        for number, pattern in enumerate(self.any_of):
            yield from (("$or", number, *place) for place in pattern.unknown_fields(known))

    def to_json(self) -> dict[str, Any]:
        """The pattern as the client sent it."""
        return self.model_dump(by_alias=True, exclude_unset=True)


def _is_bounded(pattern: Any) -> Any:
    """Refuse a pattern that is too large before it is validated."""
    if len(json.dumps(pattern, ensure_ascii=False, separators=(",", ":")).encode()) > MAX_BYTES:
        raise PydanticCustomError("too_large", "at most {limit} bytes", {"limit": MAX_BYTES})
    depth, level, values = 0, [pattern], 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise PydanticCustomError("too_deep", "at most {limit} patterns deep", {"limit": MAX_DEPTH})
        fields = [item for each in level if isinstance(each, dict) for item in each.items()]
        values += sum(_count(value) for name, value in fields if name != "$or")
        level = [one for name, value in fields if name == "$or" and isinstance(value, list) for one in value]
    if values > MAX_VALUES:
        raise PydanticCustomError("too_many", "at most {limit} values", {"limit": MAX_VALUES})
    return pattern


def _count(value: Any) -> int:
    if isinstance(value, list):
        return sum(map(_count, value))
    return sum(map(_count, value.values())) if isinstance(value, dict) else 1


BoundedMatch = Annotated[Match, BeforeValidator(_is_bounded, json_schema_input_type=Match)]


@dataclass(frozen=True, slots=True)
class Pattern:
    """A compiled pattern."""

    fields: tuple[tuple[str, tuple[tuple[str, Predicate], ...]], ...]
    any_of: tuple[tuple[str, "Pattern"], ...]

    def matches(self, fields: Mapping[str, Any]) -> bool:
        """Whether a signal with these fields matches."""
        for name, leaves in self.fields:
            value = fields.get(name, _ABSENT)
            for _, predicate in leaves:
                if predicate(value):
                    break
            else:
                return False
        return not self.any_of or any(pattern.matches(fields) for _, pattern in self.any_of)

    def leaves(self, fields: Mapping[str, Any]) -> Iterator[Leaf]:
        """The parts of the pattern that match, each with the value that it matches."""
        for name, leaves in self.fields:
            value = fields.get(name, _ABSENT)
            yield from ((path, None if value is _ABSENT else value) for path, predicate in leaves if predicate(value))
        for path, pattern in self.any_of:
            if pattern.matches(fields):
                yield from ((f"{path}.{leaf}", value) for leaf, value in pattern.leaves(fields))


def compiled(match: Match) -> Pattern:
    """Compile a pattern to functions."""
    names = [name for name in Match.model_fields if name in match.model_fields_set and name != "any_of"]
    return Pattern(
        fields=tuple(
            (name, tuple(_leaf(f"{name}.{number}", each) for number, each in enumerate(getattr(match, name))))
            for name in names
        ),
        any_of=tuple((f"$or.{number}", compiled(each)) for number, each in enumerate(match.any_of)),
    )


def _leaf(path: str, value: Scalar | Filter) -> tuple[str, Predicate]:
    if not isinstance(value, Filter):
        return path, _each(lambda item: item == value and isinstance(item, bool) == isinstance(value, bool))
    [name] = value.model_fields_set
    operand = getattr(value, name)
    predicate = _COMPILERS[name](operand)
    return f"{path}.{name.replace('_', '-')}", predicate if name == "exists" else _each(predicate)


def _each(predicate: Predicate) -> Predicate:
    """The predicate of a field that may be absent, or a list, of which one item has to match."""

    def matches(value: Any) -> bool:
        if isinstance(value, list):
            return any(map(predicate, value))
        return value is not _ABSENT and predicate(value)

    return matches


def _anything_but(operand: Any) -> Predicate:
    values = operand if isinstance(operand, list) else [operand]
    return lambda value: value not in values or isinstance(value, bool)


def _numeric(parts: list[Any]) -> Predicate:
    comparisons = [(_OPERATORS[parts[index]], parts[index + 1]) for index in range(0, len(parts), 2)]
    return lambda value: _is_number(value) and all(compare(value, limit) for compare, limit in comparisons)


def _equals_ignore_case(text: str) -> Predicate:
    lowered = text.lower()
    return lambda value: isinstance(value, str) and value.lower() == lowered


def _wildcard(text: str) -> Predicate:
    first, *others = _parts(text)
    if not others:
        return lambda value: bool(value == first)
    *middle, last = others

    def matches(value: Any) -> bool:
        if not isinstance(value, str) or len(value) < len(first) + len(last):
            return False
        if not (value.startswith(first) and value.endswith(last)):
            return False
        position, end = len(first), len(value) - len(last)
        for part in middle:
            found = value.find(part, position, end)
            if found < 0:
                return False
            position = found + len(part)
        return True

    return matches


def _parts(wildcard: str) -> list[str]:
    """The texts between the stars; a backslash makes the next star or backslash a character like any other."""
    parts, characters = [""], iter(wildcard)
    for character in characters:
        if character == "*":
            parts.append("")
        elif character == "\\":
            escaped = next(characters, "")
            if escaped not in ("*", "\\"):
                raise ValueError("a backslash precedes a star or a backslash")
            parts[-1] += escaped
        else:
            parts[-1] += character
    if "" in parts[1:-1]:
        raise ValueError("no two stars in a row")
    return parts


_COMPILERS: Mapping[str, Callable[[Any], Predicate]] = {
    "prefix": lambda text: lambda value: isinstance(value, str) and value.startswith(text),
    "suffix": lambda text: lambda value: isinstance(value, str) and value.endswith(text),
    "wildcard": _wildcard,
    "equals_ignore_case": _equals_ignore_case,
    "anything_but": _anything_but,
    "numeric": _numeric,
    # EventBridge compares values, and an empty list has none.
    "exists": lambda expected: lambda value: (value is not _ABSENT and value != []) == expected,
}
