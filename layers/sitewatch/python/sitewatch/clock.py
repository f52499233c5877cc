"""The one clock: aware times in UTC, and their one text format (RFC 3339 with ``Z``)."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, ValidationInfo, WithJsonSchema

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(2106, 2, 7, tzinfo=UTC)

MAX_AHEAD = timedelta(minutes=5)
"""How far ahead of this clock the clock of a camera or sensor may be."""

# Python parses more than RFC 3339 (weeks, hours without minutes), and each version differs. Seconds are optional, as
# in ISO 8601, for older clients.
_RFC_3339 = re.compile(
    r"(?P<minute>\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d)(:(?P<second>\d\d)(?P<fraction>\.\d{1,9})?)?"
    r"(?P<offset>[Zz]|[+-]\d\d:\d\d)?",
    re.ASCII,
)
# A plus that a client did not encode arrives as a blank.
_LOST_PLUS = re.compile(r"^(\S+[Tt ]\S+) (\d\d:\d\d)$", re.ASCII)


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
    """Parse an RFC 3339 time; the result is in UTC. A time without an offset is in UTC already.

    A leap second (``23:59:60`` in UTC) is the second after it, since Python's times have none.

    Raises
    ------
    ValueError
        If the text is not such a time, or is not between 1970 and 2106 (the years that every store and client can
        represent).

    """
    found = _RFC_3339.fullmatch(text)
    if found is None:
        raise ValueError("not an RFC 3339 time")
    is_leap = found["second"] == "60"
    second = "59" if is_leap else found["second"] or "00"
    whole = f"{found['minute']}:{second}{found['fraction'] or ''}{found['offset'] or 'Z'}"
    # Compared before the conversion to UTC, which fails for the first and last year that Python knows.
    time = datetime.fromisoformat(whole.upper())
    if not EARLIEST <= time < LATEST:
        raise ValueError("the time is not between 1970 and 2106")
    time = time.astimezone(UTC)
    if is_leap:
        if (time.hour, time.minute) != (23, 59):
            raise ValueError("a leap second is at the end of a day in UTC")
        time += timedelta(seconds=1)
    return time


def _from_text(value: object) -> object:
    # Only text: pydantic would also accept numbers as Unix times.
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str):
        raise ValueError("a time is text in RFC 3339")  # noqa: TRY004 - pydantic reports a ValueError
    return parse(value)


def _in_utc(value: datetime) -> datetime:
    return value.astimezone(UTC)


def _from_query(value: object) -> object:
    return _LOST_PLUS.sub(r"\1+\2", value) if isinstance(value, str) else value


def _not_ahead(value: datetime, info: ValidationInfo) -> datetime:
    if value > (info.context or {}).get("now", now()) + MAX_AHEAD:
        raise ValueError("the time is more than 5 minutes ahead")
    return value


Timestamp = Annotated[
    datetime,
    BeforeValidator(_from_text),
    AfterValidator(_in_utc),
    PlainSerializer(format_time, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-11-22T06:10:30Z"]}),
]
"""A pydantic field: RFC 3339 text in, an aware UTC ``datetime`` inside, RFC 3339 with ``Z`` out."""

QueryTime = Annotated[Timestamp, BeforeValidator(_from_query)]
"""A ``Timestamp`` in a query string, where a blank before the offset is a plus that the client did not encode."""

ObservedTime = Annotated[Timestamp, AfterValidator(_not_ahead)]
"""A ``Timestamp`` of an observation: at most 5 minutes after ``now`` of the validation context, by default now."""
