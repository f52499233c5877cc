"""Requests that wait for alerts: each occupies a function, so a caller may have only some at once."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from pynamodb.exceptions import PutError

from alerts.model import HoldRecord, holds_key
from sitewatch import clock
from sitewatch.errors import TOO_MANY_REQUESTS, ApiError

MAX_HOLDS = 10
"""Requests that one caller may have waiting at once."""

# Longer than the function's timeout, so that a place is free again even if its function was stopped.
_LIFETIME = timedelta(seconds=35)


@contextmanager
def hold(subject: str) -> Iterator[None]:
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
