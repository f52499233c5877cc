"""What lives in a function's process: its log, its memory of keys and tokens, and its password hasher."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any
from unittest import mock

from argon2 import PasswordHasher

from accounts import passwords
from sitewatch import api_tokens, keys, tokens
from sitewatch.observability import logger

_CHEAP_HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
_CHEAP_HASH = _CHEAP_HASHER.hash("no one's")


def forget() -> None:
    """Forget what an instance of a function remembers."""
    # Not the clients: they hold no state.
    keys.current_signing_key.cache_clear()
    tokens._public_keys.cache_clear()
    api_tokens._seen.clear()


class Log:
    """What the functions have logged."""

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
    """The log, which pytest cannot capture: the logger got its stream before any test."""
    stream = StringIO()
    handler = logger.registered_handler
    assert isinstance(handler, logging.StreamHandler)
    before = handler.setStream(stream)
    yield Log(stream)
    handler.setStream(before)


@contextmanager
def cheap_hashing() -> Iterator[None]:
    """Argon2id with parameters that take no time, for tests that are not about hashing."""
    with (
        mock.patch.object(passwords, "_hasher", _CHEAP_HASHER),
        mock.patch.object(passwords, "NOBODY", _CHEAP_HASH),
    ):
        yield
