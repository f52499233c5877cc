"""The one retry loop: exponential backoff with full jitter.

Source: "Exponential Backoff And Jitter", AWS Architecture Blog.
"""

import math
import random
import time
from collections.abc import Iterator

ATTEMPTS = 6
_FIRST_PAUSE_SECONDS = 0.05
_MAX_PAUSE_SECONDS = 1.0


def attempts(count: int | None = ATTEMPTS, *, within_seconds: float = math.inf) -> Iterator[int]:
    """Yield the number of each attempt, from 1, and sleep before every one but the first.

    The caller returns when an attempt succeeds. The iterator ends after ``count`` attempts (``None``: no
    limit), or when the next pause would end more than ``within_seconds`` after the first attempt began.
    """
    deadline = time.monotonic() + within_seconds
    attempt = 1
    yield attempt
    while count is None or attempt < count:
        pause = pause_before(attempt)
        if time.monotonic() + pause > deadline:
            return
        time.sleep(pause)
        attempt += 1
        yield attempt


def pause_before(retry: int) -> float:
    """Seconds to sleep before the retry with this number (from 1)."""
    return random.uniform(0, min(_MAX_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2**retry))  # noqa: S311 - no secret
