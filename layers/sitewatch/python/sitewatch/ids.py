"""The one maker of ids: ULIDs, which sort by the time they were made."""

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
    """Whether ``text`` could be an id of ours."""
    return re.fullmatch(_ULID, text) is not None


def new_id() -> str:
    """A new ULID."""
    return str(ULID())


def time_of(ulid: str) -> datetime:
    """When the id was made, to the millisecond."""
    return ULID.from_str(ulid).datetime


def derived_id(time: datetime, *parts: str) -> str:
    """The ULID of something that already has a name: equal ``time`` and ``parts`` give the same id.

    The time part is ``time`` (to the millisecond), the random part 80 bits of a hash of ``parts``.
    """
    # Not by way of timestamp(): a float is a millisecond short now and then.
    milliseconds = (time - clock.EARLIEST) // timedelta(milliseconds=1)
    digest = hashlib.sha256("\0".join(parts).encode()).digest()
    return str(ULID.from_bytes(milliseconds.to_bytes(6, "big") + digest[:10]))


def consecutive_ids(first: str, count: int) -> list[str]:
    """``count`` ids in order, from ``first`` on: for things that were made at once and have an order."""
    number = int(ULID.from_str(first))
    return [str(ULID.from_int(number + further)) for further in range(count)]


def least_id(time: datetime) -> str:
    """What no id that was made at ``time`` or later is less than."""
    return str(ULID.from_bytes(int(time.timestamp() * 1000).to_bytes(6, "big") + bytes(10)))
