"""Patterns of rules: the subset of EventBridge's language that matches what EventBridge matches, and nothing else."""

from typing import Any

import pytest
from hypothesis import assume, given, settings
from moto.events.models import EventPattern
from pydantic import ValidationError

from rules.pattern import MAX_BYTES, BoundedMatch, Match, compiled
from sitewatch.models import RootModel
from tests.world.patterns import EVENTS, PATTERNS


@pytest.fixture(autouse=True)
def world() -> None:
    """These tests need no tables."""


class _Bounded(RootModel[BoundedMatch]):
    pass


def matches(match: dict[str, Any], **fields: Any) -> bool:
    return compiled(Match.model_validate(match)).matches(fields)


def problems(match: Any) -> dict[str, str]:
    with pytest.raises(ValidationError) as raised:
        _Bounded.model_validate(match)
    return {".".join(map(str, each["loc"])): each["msg"] for each in raised.value.errors()}


@pytest.mark.parametrize(
    ("leaf", "matching", "others"),
    [
        ("VAN", ["VAN"], ["van", "VAN ", "", None]),
        (2015, [2015, 2015.0], [2014, "2015", True]),
        (1, [1], [True]),
        (True, [True], [1, "true", False]),
        (None, [None], ["", 0, False]),
        ({"prefix": "Gate "}, ["Gate 7", "Gate "], ["gate 7", "A Gate 7", 7]),
        ({"suffix": "er"}, ["Rover"], ["Rove", "ERR"]),
        ({"equals-ignore-case": "van"}, ["van", "VAN", "Van"], ["vans", 1]),
        ({"anything-but": "van"}, ["VAN", 1], ["van"]),
        ({"anything-but": [1, 2]}, [3, "1"], [1, 2]),
        ({"numeric": [">=", 0, "<", 10]}, [0, 9.9], [-1, 10, "5", True, None]),
        ({"numeric": ["=", 5]}, [5, 5.0], [4]),
        ({"wildcard": "a*b*c"}, ["abc", "a-b-c", "aXbYbZc"], ["ab", "acb", "bc", "abca"]),
        ({"wildcard": "ab*ba"}, ["abba", "ab ba"], ["aba"]),
        ({"wildcard": "*"}, ["", "x"], [1]),
        ({"wildcard": "gate"}, ["gate"], ["gates"]),
        ({"wildcard": r"1\*2*"}, ["1*2", "1*23"], ["112"]),
    ],
)
def test_a_leaf_matches_these_values_only(leaf: Any, matching: list[Any], others: list[Any]) -> None:
    pattern = {"value": [leaf]}
    assert [value for value in matching if not matches(pattern, value=value)] == []
    assert [value for value in others if matches(pattern, value=value)] == []
    assert not matches(pattern)


def test_exists_asks_whether_the_field_is_there() -> None:
    assert matches({"zone": [{"exists": True}]}, zone="gate")
    assert not matches({"zone": [{"exists": True}]})
    assert matches({"zone": [{"exists": False}]})
    assert not matches({"zone": [{"exists": False}]}, zone="gate")
    assert matches({"tags": [{"exists": False}]}, tags=[])
    assert not matches({"tags": [{"exists": True}]}, tags=[])


def test_every_field_has_to_match_and_one_of_its_values_is_enough() -> None:
    pattern = {"make": ["Kia", "Acura"], "year": [{"numeric": [">", 2010]}]}
    assert matches(pattern, make="Acura", year=2011)
    assert not matches(pattern, make="Acura", year=2010)
    assert not matches(pattern, make="Audi", year=2011)


def test_one_item_of_a_list_is_enough() -> None:
    assert matches({"tags": [{"prefix": "hot"}]}, tags=["cold", "hot 1"])
    assert not matches({"tags": [{"prefix": "hot"}]}, tags=[])


def test_the_leaves_that_matched_are_named_with_their_values() -> None:
    match = {
        "category": ["SUV", {"equals-ignore-case": "van"}],
        "$or": [{"year": [2015]}, {"make": ["Audi"]}, {"zone": [{"exists": False}]}],
    }
    pattern = compiled(Match.model_validate(match))
    fields = {"category": "VAN", "year": 2015, "make": "Kia"}
    assert pattern.matches(fields)
    assert list(pattern.leaves(fields)) == [
        ("category.1.equals-ignore-case", "VAN"),
        ("$or.0.year.0", 2015),
        ("$or.2.zone.0.exists", None),
    ]


@pytest.mark.parametrize(
    ("match", "field"),
    [
        ({}, ""),
        ({"category": []}, "category"),
        ({"category": "van"}, "category"),
        ({"colour": ["red"]}, "colour"),
        ({"category": [{"prefix": 1}]}, "category.0.prefix"),
        ({"category": ["SUV", {"prefix": ""}]}, "category.1.prefix"),
        ({"category": [{"regex": ".*"}]}, "category.0.regex"),
        ({"category": [{}]}, "category.0"),
        ({"category": [{"prefix": "a", "suffix": "b"}]}, "category.0"),
        ({"category": [["van"]]}, "category.0"),
        ({"category": [{"wildcard": "a**b"}]}, "category.0.wildcard"),
        ({"category": [{"wildcard": "a\\b"}]}, "category.0.wildcard"),
        ({"category": [{"anything-but": []}]}, "category.0.anything-but"),
        ({"category": [{"anything-but": ["a", 1]}]}, "category.0.anything-but"),
        ({"category": [{"anything-but": True}]}, "category.0.anything-but"),
        ({"year": [{"numeric": [">="]}]}, "year.0.numeric"),
        ({"year": [{"numeric": [">=", "1"]}]}, "year.0.numeric"),
        ({"year": [{"numeric": ["~", 1]}]}, "year.0.numeric"),
        ({"year": [{"numeric": [">", 6e9]}]}, "year.0.numeric"),
        ({"year": [{"numeric": [">", 1, "<"]}]}, "year.0.numeric"),
        ({"year": [{"exists": "yes"}]}, "year.0.exists"),
        ({"$or": [{"year": [1]}]}, "$or"),
        ({"$or": [{"year": [1]}, {"year": [{"prefix": 5}]}]}, "$or.1.year.0.prefix"),
        ("van", ""),
    ],
)
def test_a_bad_pattern_is_refused_and_its_leaf_named(match: Any, field: str) -> None:
    assert field in problems(match)


def nested(depth: int) -> dict[str, Any]:
    return {"year": [1]} if depth == 1 else {"$or": [nested(depth - 1), {"year": [2]}]}


def test_a_pattern_is_at_most_four_deep() -> None:
    _Bounded.model_validate(nested(4))
    assert problems(nested(5)) == {"": "at most 4 patterns deep"}
    assert problems(nested(60)) == {"": "at most 4 patterns deep"}


def test_a_pattern_has_at_most_two_hundred_values() -> None:
    _Bounded.model_validate({"year": list(range(100)), "make": [{"anything-but": ["x"] * 100}]})
    assert problems({"year": list(range(100)), "make": [{"anything-but": ["x"] * 101}]}) == {"": "at most 200 values"}


def test_a_pattern_has_at_most_eight_kibibytes() -> None:
    rest = len('{"make":[""]}')
    _Bounded.model_validate({"make": ["x" * (MAX_BYTES - rest)]})
    assert problems({"make": ["x" * (MAX_BYTES - rest + 1)]}) == {"": "at most 8192 bytes"}


def test_a_pattern_is_stored_as_it_was_sent() -> None:
    match = {
        "$or": [{"year": [{"numeric": [">", 1.5]}]}, {"zone": [None, {"exists": False}]}],
        "make": [{"anything-but": "x"}],
    }
    assert Match.model_validate(match).to_json() == match


# --- an oracle --------------------------------------------------------------------------------------


@settings(max_examples=300, deadline=None)
@given(pattern=PATTERNS, event=EVENTS)
def test_another_implementation_of_the_language_agrees(pattern: dict[str, Any], event: dict[str, Any]) -> None:
    assume(event.get("tags") != [])  # which exists for moto, unlike for EventBridge
    oracle: Any = EventPattern(None, pattern)
    assert matches(pattern, **event) == oracle.matches_event(event)
