"""Names: what is the same name, and the source name nearest to a text."""

import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from sitewatch import names


@pytest.fixture(autouse=True)
def world() -> None:
    """These tests need no tables."""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Kia", "KIA"),
        ("\u0160koda", "S\u030ckoda"),
        ("CITRO\u00cbN", "citroe\u0308n"),
        ("STRASSE", "stra\u00dfe"),
        ("\u0391\u0345", "\u1fb3"),
        ("\u1e9b\u0323", "\u1e69"),
    ],
)
def test_letter_case_and_unicode_form_make_no_difference(one: str, other: str) -> None:
    assert names.fold(one) == names.fold(other)


@pytest.mark.parametrize(("one", "other"), [("Kia", "Ki\u00e4"), ("SUV", "SUV "), ("SUV", "\uff33\uff35\uff36")])
def test_other_letters_do(one: str, other: str) -> None:
    assert names.fold(one) != names.fold(other)


@settings(max_examples=60, deadline=None)
@given(name=st.text(max_size=10))
@example(name="\u0345\u0301")
@example(name="\u0130")
def test_folding_twice_changes_nothing_and_forms_fold_alike(name: str) -> None:
    folded = names.fold(name)
    assert names.fold(folded) == folded
    for form in ("NFC", "NFD"):
        assert names.fold(unicodedata.normalize(form, name)) == folded


@settings(max_examples=60, deadline=None)
@given(text=st.text(max_size=80))
@example(text="")
@example(text="///")
@example(text=" . ")
def test_every_text_has_a_source_name_and_a_source_name_is_its_own(text: str) -> None:
    name = names.to_source_name(text)
    assert TypeAdapter(names.SourceName).validate_python(name) == name
    assert names.to_source_name(name) == name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("gate camera", "gate camera"),
        ("cars/2026.csv", "cars-2026.csv"),
        ("Gate 7 (north)", "Gate 7 -north-"),
        ("", "unknown"),
    ],
)
def test_a_source_name_is_close_to_the_text(text: str, name: str) -> None:
    assert names.to_source_name(text) == name
