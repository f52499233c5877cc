"""The one maker of ids: ULIDs, which sort by the time they were made."""

import hashlib
from datetime import datetime
from typing import Annotated

from pydantic import StringConstraints
from ulid import ULID

UlidText = Annotated[str, StringConstraints(pattern=r"^[0-7][0-9A-HJKMNP-TV-Z]{25}$")]


def new_id() -> str:
    """A new ULID."""
    return str(ULID())


def derived_id(time: datetime, *parts: str) -> str:
    """The ULID of something that already has a name: equal ``time`` and ``parts`` give the same id.

    The time part is ``time`` (to the millisecond), the random part 80 bits of a hash of ``parts``.
    """
    milliseconds = int(time.timestamp() * 1000)
    digest = hashlib.sha256("\0".join(parts).encode()).digest()
    return str(ULID.from_bytes(milliseconds.to_bytes(6, "big") + digest[:10]))
