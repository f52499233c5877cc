"""Clients of the deployed system."""

from collections.abc import Iterator

import pytest

from runner.stack import Stack
from tests.integration.client import Client


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
