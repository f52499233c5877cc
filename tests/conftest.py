"""A deployed system of one's own: the emulator on a free port, with IAM enforcement, for the whole run.

``SITEWATCH_STACK=.local/stack.json`` tests a system that runs already instead.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner.local import running_stack
from runner.stack import Stack


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let one process run all that ask for the deployed system: it is the same for all of them."""
    for item in items:
        if "stack" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("stack"))


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The system under test; its schedules are disabled, so that nothing moves but what a test moves."""
    if "SITEWATCH_STACK" in os.environ:
        yield Stack.read(Path(os.environ["SITEWATCH_STACK"]))
        return
    with running_stack(tmp_path_factory.mktemp("sitewatch")) as stack:
        yield stack
