"""Wait for alerts. A waiting request occupies a function, so a caller may have only some at once."""

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from pynamodb.exceptions import PutError

from alerts import log
from alerts.model import HoldRecord, holds_key
from sitewatch import clock
from sitewatch.errors import TOO_MANY_REQUESTS, ApiError

MAX_HOLDS = 10
"""Requests that one caller may have waiting at once."""

_FIRST_PAUSE_SECONDS = 0.25
_MAX_PAUSE_SECONDS = 1.0

# Longer than the function's timeout, so that a place is free again even if its function was stopped.
_LIFETIME = timedelta(seconds=35)


def next_head(seen: int, seconds: float, *, caller: str) -> int:
    """The number of the last alert as soon as there is one after ``seen``; ``seen`` if there is none in time.

    Waiting costs about one eventually consistent read a second.

    Raises
    ------
    ApiError
        429 if ``MAX_HOLDS`` requests of the caller are waiting already.

    """
    deadline = time.monotonic() + seconds
    pause = _FIRST_PAUSE_SECONDS
    with _hold(caller):
        while (remaining := deadline - time.monotonic()) > 0:
            time.sleep(min(pause, remaining))
            pause = min(pause * 2, _MAX_PAUSE_SECONDS)
            head = log.head(consistent=False)
            if head > seen:
                return head
    return seen


@contextmanager
def _hold(subject: str) -> Iterator[None]:
    """Occupy one of the caller's places while the block runs.

    Raises
    ------
    ApiError
        429 if all of them are occupied.

    """
    place = _occupy(subject)
    try:
        yield
    finally:
        place.delete()


def _occupy(subject: str) -> HoldRecord:
    now = clock.now()
    occupied = {int(one.number) for one in _holds(subject) if one.expires_at > now}
    free = [number for number in range(MAX_HOLDS) if number not in occupied]
    while free:
        number = free.pop(secrets.randbelow(len(free)))  # a random one: others look for a place at the same time
        place = HoldRecord(holds_key(subject), number, expires_at=now + _LIFETIME)
        try:
            place.save(condition=HoldRecord.key.does_not_exist() | (HoldRecord.expires_at <= now))
        except PutError as error:
            if error.cause_response_code != "ConditionalCheckFailedException":
                raise
        else:
            return place
    raise ApiError(TOO_MANY_REQUESTS, f"{MAX_HOLDS} requests of yours are waiting already")


def _holds(subject: str) -> Iterator[HoldRecord]:
    return HoldRecord.query(holds_key(subject), consistent_read=True, limit=MAX_HOLDS)
