"""Fixtures for every unit test: mocked AWS services, and no network."""

import tests.world.settings  # noqa: F401, I001 - first: functions read their settings at import

from collections.abc import Iterator

import pytest
from pytest_socket import disable_socket

from tests.world import instance
from tests.world.aws import new_world
from tests.world.instance import Log


@pytest.fixture(autouse=True)
def no_network() -> None:
    """Keep unit tests from opening sockets."""
    disable_socket(allow_unix_socket=True)


@pytest.fixture
def log() -> Iterator[Log]:
    """Capture the functions' log."""
    with instance.recorded_log() as log:
        yield log


@pytest.fixture
def cheap_hashing() -> Iterator[None]:
    """Make password hashing fast, for tests that are not about hashing."""
    with instance.cheap_hashing():
        yield


@pytest.fixture(autouse=True)
def world() -> Iterator[None]:
    """The template's resources, empty, with the functions' caches cleared before and after."""
    instance.forget()
    with new_world():
        yield
    instance.forget()
