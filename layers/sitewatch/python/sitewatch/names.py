"""Names that people give to things: one grammar for storing them and for finding them again by path or query."""

import unicodedata
from typing import Annotated
from urllib.parse import unquote

from pydantic import AfterValidator, Field

MAX_LENGTH = 64

# Unambiguous in a path: no slash, no percent sign. Marks and joiners belong to letters in many scripts.
_PUNCTUATION = frozenset(" .:@~+-")
_JOINERS = frozenset("\u200c\u200d")
_CATEGORIES = ("L", "M", "N", "Pc")


def normalize(name: str) -> str:
    """Return the composed form (NFC) of ``name``: what looks the same is the same."""
    return unicodedata.normalize("NFC", name)


def from_path(text: str) -> str:
    """Return the name in a part of a path, whether the engine has decoded it or not."""
    return normalize(unquote(text))


def _is_allowed(character: str) -> bool:
    if character in _PUNCTUATION or character in _JOINERS:
        return True
    return unicodedata.category(character).startswith(_CATEGORIES)


def _check(name: str) -> str:
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
    AfterValidator(_check),
]
"""The name of a sensor or another source, in NFC. Its letter case matters."""
