"""The deployment under test: a new emulator on a free port, with IAM enforcement, for the whole run.

``SITEWATCH_STACK=.local/stack.json`` tests a running local system instead, and ``BASE_URL=…``, as ``make conformance``
sets it, any deployment: see `tests.integration.target`.
"""

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner.local.system import running_stack
from runner.stack import Stack
from tests.integration import target
from tests.integration.record import RECORD
from tests.integration.target import Target

# Tests load and moto keeps many objects that live long, so collecting garbage less often saves a sixth of the time.
gc.set_threshold(100_000, 10, 10)


@pytest.hookimpl(tryfirst=True)  # before xdist looks at the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run all tests that use the deployment in one process: they share it."""
    for item in items:
        if "deployment" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("stack"))
            item.add_marker(pytest.mark.no_cover)  # the functions run in the emulator's processes


@pytest.fixture(scope="session")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """The deployment under test. A new one has its schedules disabled, so that only tests change anything."""
    if os.environ.get("BASE_URL"):
        yield _recorded(target.of_variables())
    elif "SITEWATCH_STACK" in os.environ:
        yield _recorded(target.of_stack(Stack.read(Path(os.environ["SITEWATCH_STACK"]))))
    else:
        with running_stack(tmp_path_factory.mktemp("sitewatch")) as stack:
            yield _recorded(target.of_stack(stack))


def _recorded(deployment: Target) -> Target:
    """Record every call of every client."""
    path = deployment.base_url.partition("://")[2].partition("/")[2]
    RECORD.base_path = f"/{path}" if path else ""
    return deployment


@pytest.fixture(scope="session")
def stack(deployment: Target) -> Stack:
    """The deployment's AWS side: stream, queues, topic."""
    if deployment.stack is None:
        pytest.skip("the stream and the queues are not reachable: ENDPOINT names where")
    return deployment.stack
