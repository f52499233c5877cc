"""The one source of ids: ULIDs, which sort by creation time."""

import hashlib
import re
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import StringConstraints
from ulid import ULID

from sitewatch import clock

_ULID = r"^[0-7][0-9A-HJKMNP-TV-Z]{25}$"
UlidText = Annotated[str, StringConstraints(pattern=_ULID)]


def is_id(text: str) -> bool:
    """Whether ``text`` has the format of an id."""
    return re.fullmatch(_ULID, text) is not None


def new_id() -> str:
    """A new ULID."""
    return str(ULID())


def time_of(ulid: str) -> datetime:
    """The creation time of the id, to the millisecond."""
    return ULID.from_str(ulid).datetime


def derived_id(time: datetime, *parts: str) -> str:
    """A deterministic ULID: the same ``time`` and ``parts`` give the same id.

    Its time is ``time`` (to the millisecond), and its random part is 80 bits of a hash of ``parts``.
    """
    # Not from timestamp(): as a float it is sometimes a millisecond too low.
    milliseconds = (time - clock.EARLIEST) // timedelta(milliseconds=1)
    digest = hashlib.sha256("\0".join(parts).encode()).digest()
    return str(ULID.from_bytes(milliseconds.to_bytes(6, "big") + digest[:10]))


def consecutive_ids(first: str, count: int) -> list[str]:
    """``count`` ordered ids, starting with ``first``, for things that are created together in an order."""
    number = int(ULID.from_str(first))
    return [str(ULID.from_int(number + offset)) for offset in range(count)]


def min_id(time: datetime) -> str:
    """The lowest id of ``time``: every id that is created at that time or later is greater or equal."""
    return str(ULID.from_bytes(int(time.timestamp() * 1000).to_bytes(6, "big") + bytes(10)))
