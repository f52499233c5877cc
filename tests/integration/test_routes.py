"""The whole run: the routes that the other tests of the suite have called."""

from pathlib import Path

import pytest

from runner.documents import engines
from tests.integration import differences
from tests.integration.record import RECORD
from tests.integration.target import engine

pytestmark = pytest.mark.conformance

SIMULATED_SOURCE = "GET /simulator/data-point"
"""Stands in for an external source; deployments with a real source do not have it."""


@pytest.mark.usefixtures("deployment")
def test_every_route_of_the_contract_was_called_and_answered(request: pytest.FixtureRequest) -> None:
    modules = {path.name for path in Path(__file__).parent.glob("test_*.py") if "conformance" in path.read_text()}
    ran = {item.path.name for item in request.session.items}
    if not modules <= ran or request.config.option.keyword:
        pytest.skip("only a part of the suite ran")
    excused = {route for each in differences.DIFFERENCES if each.engine == engine() for route in each.routes}
    if RECORD.answers[SIMULATED_SOURCE] == {404}:
        excused.add(SIMULATED_SOURCE)
    assert [route for route in RECORD.unanswered() if route not in excused] == []


def test_a_call_is_matched_to_its_route_whatever_its_ids() -> None:
    for path, route in (
        ("/users/me", "GET /users/me"),
        ("/api/event/01ARZ3NDEKTSV4RRFFQ69G5FAV", "GET /api/event/{event_id}"),
        ("/", "GET /"),
        ("/users/nobody", None),
    ):
        assert RECORD.route("GET", RECORD.base_path + path) == route
    assert len(set(engines.routes())) == len(engines.routes()) > 40
