"""Send many entries through a batch API that may refuse some of them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from sitewatch import retrying

Entry = TypeVar("Entry")


class DeliveryFailed(RuntimeError):
    """A service still refused some entries at the last attempt."""


def chunks(
    entries: Iterable[Entry], *, max_entries: int, size: Callable[[Entry], int] = lambda _: 0, max_bytes: int = 1
) -> Iterator[list[Entry]]:
    """Split ``entries`` in order into lists of at most ``max_entries`` entries and ``max_bytes`` in total."""
    chunk: list[Entry] = []
    used = 0
    for entry in entries:
        weight = size(entry)
        if chunk and (len(chunk) == max_entries or used + weight > max_bytes):
            yield chunk
            chunk, used = [], 0
        chunk.append(entry)
        used += weight
    if chunk:
        yield chunk


def deliver(
    entries: Sequence[Entry],
    send: Callable[[Sequence[Entry]], Sequence[Entry]],
    *,
    attempts: int = retrying.ATTEMPTS,
) -> None:
    """Call ``send`` until it accepts all of ``entries``.

    Parameters
    ----------
    entries
        At most as many as one call of the API accepts.
    send
        Sends entries and returns those that the service refused for now.
    attempts
        The maximum number of calls.

    Raises
    ------
    DeliveryFailed
        If some entries are still refused at the last attempt.

    """
    left = entries
    for _ in retrying.attempts(attempts):
        left = send(left)
        if not left:
            return
    raise DeliveryFailed(f"{len(left)} of {len(entries)} entries were refused {attempts} times")
