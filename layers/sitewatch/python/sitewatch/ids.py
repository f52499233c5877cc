"""The one maker of ids: ULIDs, which sort by the time they were made."""

import hashlib
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import StringConstraints
from ulid import ULID

from sitewatch import clock

UlidText = Annotated[str, StringConstraints(pattern=r"^[0-7][0-9A-HJKMNP-TV-Z]{25}$")]


def new_id() -> str:
    """A new ULID."""
    return str(ULID())


def derived_id(time: datetime, *parts: str) -> str:
    """The ULID of something that already has a name: equal ``time`` and ``parts`` give the same id.

    The time part is ``time`` (to the millisecond), the random part 80 bits of a hash of ``parts``.
    """
    # Not by way of timestamp(): a float is a millisecond short now and then.
    milliseconds = (time - clock.EARLIEST) // timedelta(milliseconds=1)
    digest = hashlib.sha256("\0".join(parts).encode()).digest()
    return str(ULID.from_bytes(milliseconds.to_bytes(6, "big") + digest[:10]))
