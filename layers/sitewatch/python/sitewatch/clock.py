"""The one clock: aware times in UTC, and their one spelling (RFC 3339 with ``Z``)."""

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, WithJsonSchema

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(2106, 2, 7, tzinfo=UTC)

# Python reads more than RFC 3339 (weeks, hours alone), and differently from version to version. The
# seconds may be left out, as ISO 8601 and older clients do.
_SPELLING = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(?P<offset>[Zz]|[+-]\d\d:\d\d)?",
    re.ASCII,
)


def now() -> datetime:
    """The current time, aware, in UTC."""
    return datetime.now(UTC)


def spell(time: datetime) -> str:
    """``time`` as clients read it: ``2026-11-22T06:10:30Z``, with a fraction where there is one."""
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")


def sortable(time: datetime) -> str:
    """``time`` in a fixed width, so that text order is time order (for keys)."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse(spelled: str) -> datetime:
    """Read an RFC 3339 time with an offset; the result is in UTC.

    Raises
    ------
    ValueError
        Where the text is no such time, has no offset, or lies outside 1970..2106
        (the years that every store and client here can represent).

    """
    found = _SPELLING.fullmatch(spelled)
    if found is None:
        raise ValueError("not an RFC 3339 time")
    if found["offset"] is None:
        raise ValueError("a time needs an offset, for example Z")
    # Compared before it is taken to UTC: the first and the last year have no room for an offset.
    time = datetime.fromisoformat(spelled.upper())
    if not EARLIEST <= time < LATEST:
        raise ValueError("a time lies between 1970 and 2106")
    return time.astimezone(UTC)


def _from_text(value: object) -> object:
    # Only text: pydantic alone would also take numbers as Unix times.
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str):
        raise ValueError("a time is text in RFC 3339")  # noqa: TRY004 - pydantic reports a ValueError
    return parse(value)


def _in_utc(value: datetime) -> datetime:
    return value.astimezone(UTC)


Timestamp = Annotated[
    datetime,
    BeforeValidator(_from_text),
    AfterValidator(_in_utc),
    PlainSerializer(spell, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-11-22T06:10:30Z"]}),
]
"""A pydantic field: RFC 3339 text in, an aware UTC ``datetime`` inside, RFC 3339 with ``Z`` out."""
