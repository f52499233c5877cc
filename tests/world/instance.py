"""The process of a function instance: its log, its caches, and its password hasher."""

import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any
from unittest import mock

from argon2 import PasswordHasher

from accounts import passwords
from alerts import recording
from sitewatch import api_tokens, keyed_hash, keys, secrets, tokens, user_status
from sitewatch.observability import logger
from sources import registry
from watching import rulebook

_CHEAP_HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
_CHEAP_HASH = _CHEAP_HASHER.hash("no one's")


def forget() -> None:
    """Clear what a function instance caches between requests."""
    # Clients stay cached: they hold no state.
    keys.current_signing_key.cache_clear()
    tokens._public_keys.cache_clear()
    api_tokens._cache.clear()
    user_status._cache.clear()
    rulebook.forget()
    registry.forget()
    recording.forget()
    secrets._cache.clear()
    keyed_hash._key.cache_clear()


class Log:
    """The functions' log output."""

    def __init__(self, stream: StringIO) -> None:
        self._stream = stream

    @property
    def text(self) -> str:
        return self._stream.getvalue()

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]


@contextmanager
def recorded_log() -> Iterator[Log]:
    """Capture the log. pytest cannot: the logger opened its stream before any test ran."""
    stream = StringIO()
    handler = logger.registered_handler
    assert isinstance(handler, logging.StreamHandler)
    before = handler.setStream(stream)
    yield Log(stream)
    handler.setStream(before)


@contextmanager
def cheap_hashing() -> Iterator[None]:
    """Make password hashing fast, for tests that are not about hashing."""
    with (
        mock.patch.object(passwords, "_hasher", _CHEAP_HASHER),
        mock.patch.object(passwords, "DUMMY_HASH", _CHEAP_HASH),
        mock.patch.dict(os.environ, {"IMPORTED_BCRYPT_COST": "4"}),
    ):
        yield
