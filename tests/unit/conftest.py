"""Fixtures for every unit test: mocked AWS services, and no network.

Functions read their settings at import, so this module sets them before it imports any function.
"""

import json
import logging
import os
from collections.abc import Iterator
from io import StringIO
from typing import Any

from tests.world.environment import environment

os.environ.update(environment())

import pytest
from argon2 import PasswordHasher
from pytest_socket import disable_socket

from accounts import passwords
from sitewatch import api_tokens, keys, secrets, tokens
from sitewatch.observability import logger
from tests.world.aws import SIGNING_SECRET, new_world

os.environ["TOKEN_PUBLIC_KEYS"] = json.dumps({"keys": [keys.public_jwk(keys.signing_key(SIGNING_SECRET).public_key())]})


@pytest.fixture(autouse=True)
def no_network() -> None:
    """Keep unit tests from opening sockets."""
    disable_socket(allow_unix_socket=True)


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


@pytest.fixture
def log() -> Iterator[Log]:
    """Capture the log. pytest cannot: the logger opened its stream before any test ran."""
    stream = StringIO()
    handler = logger.registered_handler
    assert isinstance(handler, logging.StreamHandler)
    before = handler.setStream(stream)
    yield Log(stream)
    handler.setStream(before)


@pytest.fixture
def cheap_hashing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make password hashing fast, for tests that are not about hashing."""
    hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(passwords, "_hasher", hasher)
    monkeypatch.setattr(passwords, "DUMMY_HASH", hasher.hash("no one's"))


@pytest.fixture(autouse=True)
def world() -> Iterator[None]:
    """The template's resources, empty, with the functions' caches cleared before and after."""
    forget()
    with new_world():
        yield
    forget()


def forget() -> None:
    """Clear what a function instance caches between requests."""
    # Clients stay cached: they hold no state, whichever mock is active.
    keys.current_signing_key.cache_clear()
    tokens._public_keys.cache_clear()
    api_tokens._cache.clear()
    secrets._cache.clear()
