"""A world for every unit test, without a network."""

import tests.world.settings  # noqa: F401, I001 - first: functions read their settings when they are imported

from collections.abc import Iterator

import pytest
from pytest_socket import disable_socket

from tests.world import instance
from tests.world.aws import new_world
from tests.world.instance import Log


@pytest.fixture(autouse=True)
def no_network() -> None:
    """A unit test that opens a socket is no unit test."""
    disable_socket(allow_unix_socket=True)


@pytest.fixture
def log() -> Iterator[Log]:
    """What the functions log."""
    with instance.recorded_log() as log:
        yield log


@pytest.fixture
def cheap_hashing() -> Iterator[None]:
    """Hashing that takes no time."""
    with instance.cheap_hashing():
        yield


@pytest.fixture(autouse=True)
def world() -> Iterator[None]:
    """The template's resources, empty; instances of functions remember nothing from before, and nothing after."""
    instance.forget()
    with new_world():
        yield
    instance.forget()
