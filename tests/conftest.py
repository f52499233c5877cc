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

# Tests load and moto keeps many objects that live long, so collecting garbage less often saves a sixth of the time.
gc.set_threshold(100_000, 10, 10)


@pytest.hookimpl(tryfirst=True)  # before xdist looks at the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let one process run all that ask for the deployment: it is the same for all of them."""
    for item in items:
        if "deployment" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("stack"))
            item.add_marker(pytest.mark.no_cover)  # the code that is covered runs in the emulator's processes


def pytest_collection_finish() -> None:
    """Keep what is loaded by now out of every further garbage collection."""
    gc.freeze()


@pytest.fixture(scope="session")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The deployment under test; the schedules of one of its own are disabled: nothing moves but what a test moves."""
    if os.environ.get("BASE_URL"):
        yield _recorded(target.named())
    elif "SITEWATCH_STACK" in os.environ:
        yield _recorded(Stack.read(Path(os.environ["SITEWATCH_STACK"])))
    else:
        with running_stack(tmp_path_factory.mktemp("sitewatch")) as stack:
            yield _recorded(stack)


def _recorded(deployment: Stack) -> Stack:
    """Every call of every client is recorded."""
    path = deployment.base_url.partition("://")[2].partition("/")[2]
    RECORD.base_path = f"/{path}" if path else ""
    return deployment


@pytest.fixture(scope="session")
def stack(deployment: Stack) -> Stack:
    """The deployment's AWS side: stream, queues, topic."""
    if not deployment.detections_stream:
        pytest.skip("the stream and the queues are not reachable: ENDPOINT names where")
    return deployment
