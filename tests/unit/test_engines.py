"""docs/engines.md: generated from the committed runs alone."""

import pytest

from runner.documents import engines
from runner.documents.engines import Run

KEPT = engines.runs()


@pytest.fixture(autouse=True)
def world() -> None:
    """No table is needed here."""


def run(engine: str, *tests: dict[str, object]) -> Run:
    return Run(engine=engine, date="2026-11-23", versions="1", tests=tests)


def test_the_page_is_generated_from_the_committed_runs() -> None:
    text = engines.PAGE.read_text(encoding="utf-8")
    assert text == engines.page(text, engines.render(KEPT, engines.routes()))


def test_the_three_engines_that_need_no_account_have_runs() -> None:
    assert {each.engine for each in KEPT} >= {"emulator", "sam-local", "localstack"}


@pytest.mark.parametrize("kept", KEPT, ids=lambda kept: kept.engine)
def test_committed_runs_have_no_failure_and_a_reason_for_every_difference(kept: Run) -> None:
    assert kept.count("failed") == 0
    assert all(each["reason"] for each in kept.tests if each["outcome"] != "passed")


def test_on_the_emulator_every_route_answers_and_nothing_differs() -> None:
    [emulator] = [each for each in KEPT if each.engine == "emulator"]
    assert {emulator.cell(route) for route in engines.routes()} == {engines.SAME}
    assert emulator.count("differs") == 0


PASSED = {"test": "a.py::test_a_b", "outcome": "passed", "seconds": 1.0, "routes": {"GET /a": [200], "GET /b": [401]}}


def test_a_route_counts_if_it_succeeded_in_a_passing_test() -> None:
    assert [run("emulator", PASSED).cell(route) for route in ("GET /a", "GET /b", "GET /c")] == [
        "yes",
        "not tried",
        "not tried",
    ]


def test_a_failure_or_known_difference_of_one_test_applies_to_its_routes() -> None:
    failed = {**PASSED, "test": "a.py::test_c", "outcome": "failed"}
    differs = {**PASSED, "test": "a.py::test_d", "outcome": "differs", "differing": ["GET /a"]}
    assert run("emulator", PASSED, failed).cell("GET /a") == "fails"
    assert run("emulator", PASSED, differs).cell("GET /a") == "differs"
    assert run("emulator", {**PASSED}, {**differs, "differing": []}).cell("GET /a") == "yes"


def test_a_difference_is_shown_with_its_reason() -> None:
    differs = {**PASSED, "outcome": "differs", "reason": "because"}
    text = engines.render([run("emulator", PASSED), run("sam-local", differs)], ["GET /a"])
    assert "| a b | yes | differs | because |" in text
    assert "| `GET /a` | yes | not tried |" in text


def test_a_test_name_becomes_a_sentence_with_its_parameters() -> None:
    assert engines.sentence("test_x.py::test_a_user_logs_in[GET-/]") == "a user logs in (`GET-/`)"
