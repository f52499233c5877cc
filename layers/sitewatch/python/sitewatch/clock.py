"""The one clock: aware times in UTC, and their one text format (RFC 3339 with ``Z``)."""

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, WithJsonSchema

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(2106, 2, 7, tzinfo=UTC)

# Python parses more than RFC 3339 (weeks, hours without minutes), and each version differs. Seconds are optional, as
# in ISO 8601, for older clients.
_RFC_3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(?P<offset>[Zz]|[+-]\d\d:\d\d)?",
    re.ASCII,
)


def now() -> datetime:
    """The current time, aware, in UTC."""
    return datetime.now(UTC)


def format_time(time: datetime) -> str:
    """``time`` in the format for clients: ``2026-11-22T06:10:30Z``, with a fraction if it has one."""
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")


def sortable(time: datetime) -> str:
    """``time`` in a fixed width for keys: text order is time order."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse(text: str) -> datetime:
    """Parse an RFC 3339 time with an offset; the result is in UTC.

    Raises
    ------
    ValueError
        If the text is not such a time, has no offset, or is not between 1970 and 2106 (the years that every store and
        client can represent).

    """
    found = _RFC_3339.fullmatch(text)
    if found is None:
        raise ValueError("not an RFC 3339 time")
    if found["offset"] is None:
        raise ValueError("a time needs an offset, for example Z")
    # Compared before the conversion to UTC, which fails for the first and last year that Python knows.
    time = datetime.fromisoformat(text.upper())
    if not EARLIEST <= time < LATEST:
        raise ValueError("the time is not between 1970 and 2106")
    return time.astimezone(UTC)


def _from_text(value: object) -> object:
    # Only text: pydantic would also accept numbers as Unix times.
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
    PlainSerializer(format_time, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-11-22T06:10:30Z"]}),
]
"""A pydantic field: RFC 3339 text in, an aware UTC ``datetime`` inside, RFC 3339 with ``Z`` out."""
