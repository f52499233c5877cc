"""Names that people give to things: one grammar for storing them and for finding them again by path or query."""

import unicodedata
from functools import lru_cache
from typing import Annotated
from urllib.parse import unquote

from pydantic import AfterValidator, Field, StringConstraints

MAX_LENGTH = 64

# Unambiguous in a path: no slash, no percent sign. Marks and joiners belong to letters in many scripts.
_PUNCTUATION = frozenset(" .:@~+-")
_JOINERS = frozenset("\u200c\u200d")
_CATEGORIES = ("L", "M", "N", "Pc")

# No control characters, and neither of the two characters that SNS and SQS refuse.
PLAIN = r"^[^\x00-\x1f\x7f\ufffe\uffff]+$"

UNKNOWN = "unknown"
"""The source of what names none."""


def normalize(name: str) -> str:
    """Return the composed form (NFC) of ``name``: what looks the same is the same."""
    return unicodedata.normalize("NFC", name)


@lru_cache(maxsize=1024)
def fold(name: str) -> str:
    """Return ``name`` without differences of letter case and Unicode form, for comparing and counting.

    This is the canonical caseless match of the Unicode standard (3.13, D145), composed again.
    """
    return normalize(unicodedata.normalize("NFD", name).casefold())


def to_source_name(text: str) -> str:
    """Return the ``SourceName`` closest to ``text``: "Gate 7 (north)" is "Gate 7 -north-"; ``unknown`` if none is."""
    allowed = "".join(character if _is_allowed(character) else "-" for character in normalize(text))
    return allowed.lstrip("".join(_PUNCTUATION | _JOINERS))[:MAX_LENGTH].rstrip() or UNKNOWN


def from_path(text: str) -> str:
    """Return the name in a part of a path, whether the engine has decoded it or not."""
    return normalize(unquote(text))


def _is_allowed(character: str) -> bool:
    if character in _PUNCTUATION or character in _JOINERS:
        return True
    return unicodedata.category(character).startswith(_CATEGORIES)


def source_name(name: str) -> str:
    """The name of a source in NFC. Raises a ``ValueError`` if it is none."""
    name = normalize(name)
    if not 1 <= len(name) <= MAX_LENGTH:
        raise ValueError(f"a name has 1 to {MAX_LENGTH} characters")
    if not all(map(_is_allowed, name)) or name[0] in _PUNCTUATION | _JOINERS:
        raise ValueError("a name has letters, digits, _, and after the first of them also blanks and . : @ ~ + -")
    return name


SourceName = Annotated[
    str,
    Field(
        description="Letters of any script, digits, blanks and . : @ ~ + - _",
        examples=["front door"],
        json_schema_extra={"format": "name", "minLength": 1, "maxLength": MAX_LENGTH},
    ),
    AfterValidator(source_name),
]
"""The name of a sensor or another source, in NFC. Its letter case matters."""

Name = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_LENGTH, pattern=PLAIN),
    AfterValidator(normalize),
]
"""A name of a make, a model or a category, in NFC. Compare and count it by its ``fold``."""
