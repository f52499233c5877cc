"""Clients of the deployment under test, and the record of what they did."""

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from runner.stack import Stack
from tests.integration import differences
from tests.integration.client import Client
from tests.integration.record import RECORD, Result
from tests.integration.target import engine
from tests.integration.versions import about

HERE = Path(__file__).parent
LAST = "test_routes.py"
CONFORMANCE = pytest.mark.conformance.name


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the known differences of the engine as expected failures, and run the test of the whole run last."""
    for item in [item for item in items if HERE in item.path.parents]:
        known = differences.of(engine(), _name(item))
        if known is not None:
            item.add_marker(pytest.mark.xfail(reason=known.reason, strict=known.always))
    items.sort(key=lambda item: HERE in item.path.parents and item.path.name == LAST)


def _name(item: pytest.Item) -> str:
    return f"{item.path.name}::{item.name}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    RECORD.test, RECORD.in_body = _name(item), True
    try:
        yield
    finally:
        RECORD.in_body = False


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    # The test of the whole run shows nothing about the engine.
    if HERE in item.path.parents and item.get_closest_marker(CONFORMANCE) and item.path.name != LAST:
        result = RECORD.results.setdefault(_name(item), Result())
        result.seconds += report.duration
        if hasattr(report, "wasxfail") and report.skipped:
            known = differences.of(engine(), _name(item))
            result.outcome, result.reason = "differs", report.wasxfail
            result.differing = known.routes if known else ()
        elif isinstance(report.longrepr, tuple):  # the test was skipped
            result.outcome, result.reason = "skipped", str(report.longrepr[2]).removeprefix("Skipped: ")
        elif report.failed:
            crash = getattr(report.longrepr, "reprcrash", None)
            result.outcome, result.reason = "failed", crash.message.partition("\n")[0] if crash else "see its output"
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the record of the run, if ``RESULTS`` names a file."""
    if (file := os.environ.get("RESULTS")) and RECORD.results and not hasattr(session.config, "workerinput"):
        RECORD.write(Path(file), about(engine()))


@pytest.fixture(scope="session")
def anyone(deployment: Stack) -> Iterator[Client]:
    """A client without a token."""
    with Client(deployment.base_url) as client:
        yield client


@pytest.fixture(scope="session")
def admin(deployment: Stack) -> Iterator[Client]:
    """A client logged in as the first administrator."""
    with Client(deployment.base_url) as client:
        client.log_in(*deployment.admin)
        yield client


@pytest.fixture
def user(deployment: Stack) -> Iterator[Client]:
    """A client logged in as a user who has just signed up."""
    with Client(deployment.base_url) as client:
        client.sign_up()
        yield client


@pytest.fixture
def machine(admin: Client, deployment: Stack) -> Iterator[Client]:
    """A camera or another device, with an API token."""
    issued = admin.post("/api/tokens", json={"name": "conformance", "expires_in_days": 1}).json()
    with Client(deployment.base_url) as client:
        client.carry(issued["api_token"])
        yield client
    admin.delete(f"/api/tokens/{issued['id']}")
