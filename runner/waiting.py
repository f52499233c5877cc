"""Wait for a condition, with a deadline."""

import time
from collections.abc import Callable

from runner.errors import RunnerError


def happens(condition: Callable[[], bool], deadline_s: float, *, pause_s: float = 0.1) -> bool:
    """Check a condition until it is true, at least once; False if it is not within `deadline_s` seconds."""
    end = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() >= end:
            return False
        time.sleep(pause_s)
    return True


def wait_until(condition: Callable[[], bool], deadline_s: float, late: str, *, pause_s: float = 0.1) -> None:
    """Return as soon as a condition is true, which may raise to give up.

    Raises RunnerError(late) if it is not true within `deadline_s` seconds.
    """
    if not happens(condition, deadline_s, pause_s=pause_s):
        raise RunnerError(late)
