"""The source of what comes over HTTP: which camera, device or door it speaks for."""

from datetime import timedelta

from sitewatch.callers import Caller
from sitewatch.errors import FORBIDDEN, ApiError
from sitewatch.names import UNKNOWN, to_source_name

MAX_DELAY = timedelta(minutes=15)
"""What is older when it arrives counts in history, but opens no incident. It is stored as ``late``."""


def source_of(caller: Caller | None, named: str | None) -> str:
    """Return the source of what ``caller`` sends.

    It is the API token's own, or else the one that is ``named`` there, or else the token's name, or else ``unknown``: a
    person is no source.

    Raises
    ------
    ApiError
        403 if the token has a source and ``named`` is another one.

    """
    own = caller.source if caller is not None else None
    if own is not None and named not in (None, own):
        raise ApiError(FORBIDDEN, f"this token speaks for {own} only")
    by_name = to_source_name(caller.username) if caller is not None and caller.is_machine else UNKNOWN
    return own or named or by_name
