"""Remember what was read from a store for some seconds, in one function instance."""

import time
from collections.abc import Callable
from typing import Generic, TypeVar

Value = TypeVar("Value")

_MAX_ENTRIES = 1000


class ExpiringCache(Generic[Value]):
    """Values by key, each for ``seconds`` after it was read; at most 1,000 of them."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._entries: dict[str, tuple[float, Value]] = {}

    def get(self, key: str, read: Callable[[], Value], *, fresh: bool = False) -> Value:
        """Return the value of ``key``; call ``read`` if there is none or it is too old, and always if ``fresh``."""
        now = time.monotonic()
        found = self._entries.get(key)
        if found is not None and not fresh and now - found[0] <= self._seconds:
            return found[1]
        value = read()
        if len(self._entries) >= _MAX_ENTRIES:
            self._entries.clear()
        # The age counts from before the read: what changes after that may not be in the value.
        self._entries[key] = now, value
        return value

    def forget(self, key: str) -> None:
        """Read the value again the next time."""
        self._entries.pop(key, None)

    def clear(self) -> None:
        """Read every value again the next time."""
        self._entries.clear()
