"""A deployed system of one's own: the emulator on a free port, with IAM enforcement, for the whole run.

``SITEWATCH_STACK=.local/stack.json`` tests a system that runs already instead.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner.local import running_stack
from runner.stack import Stack
from tests.integration.client import Client


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let one process run all of these: they share one system."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("stack"))


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The system under test; its schedules are disabled, so that nothing moves but what a test moves."""
    if "SITEWATCH_STACK" in os.environ:
        yield Stack.read(Path(os.environ["SITEWATCH_STACK"]))
        return
    with running_stack(tmp_path_factory.mktemp("sitewatch")) as stack:
        yield stack


@pytest.fixture(scope="session")
def anyone(stack: Stack) -> Iterator[Client]:
    """A client without a token."""
    with Client(stack.base_url) as client:
        yield client


@pytest.fixture(scope="session")
def admin(stack: Stack) -> Iterator[Client]:
    """A client logged in as the first administrator."""
    with Client(stack.base_url) as client:
        client.log_in("admin", stack.users["admin"])
        yield client


@pytest.fixture
def user(stack: Stack) -> Iterator[Client]:
    """A client logged in as a user who has just signed up."""
    with Client(stack.base_url) as client:
        client.sign_up()
        yield client
