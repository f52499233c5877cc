"""Send many entries through a batch API that may refuse some of them."""

import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

Entry = TypeVar("Entry")

ATTEMPTS = 6
_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 1.0


class DeliveryFailed(RuntimeError):
    """A service went on refusing entries after every attempt."""


def pause_before(attempt: int) -> float:
    """Seconds to wait before the retry number ``attempt`` (1..): exponential with full jitter.

    Source: "Exponential Backoff And Jitter", AWS Architecture Blog.
    """
    return random.uniform(0, min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**attempt))  # noqa: S311 - no secret


def chunks(
    entries: Iterable[Entry], *, most: int, size: Callable[[Entry], int] = lambda _: 0, most_bytes: int = 1
) -> Iterator[list[Entry]]:
    """Split ``entries`` in order into lists of at most ``most`` entries and ``most_bytes`` in sum."""
    chunk: list[Entry] = []
    used = 0
    for entry in entries:
        weight = size(entry)
        if chunk and (len(chunk) == most or used + weight > most_bytes):
            yield chunk
            chunk, used = [], 0
        chunk.append(entry)
        used += weight
    if chunk:
        yield chunk


def deliver(
    entries: Sequence[Entry], send: Callable[[Sequence[Entry]], Sequence[Entry]], *, attempts: int = ATTEMPTS
) -> None:
    """Call ``send`` until it has refused none of ``entries``.

    Parameters
    ----------
    entries
        At most as many as one call of the API takes.
    send
        Sends them and gives back those that the service refused for now.
    attempts
        How often to call it at most.

    Raises
    ------
    DeliveryFailed
        Where some are still refused after the last attempt.

    """
    left = entries
    for attempt in range(attempts):
        if attempt:
            time.sleep(pause_before(attempt))
        left = send(left)
        if not left:
            return
    raise DeliveryFailed(f"{len(left)} of {len(entries)} entries were refused {attempts} times")
