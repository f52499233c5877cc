"""make logs FUNCTION=…: the right function's lines, read where they are."""

import os
from pathlib import Path
from typing import Any

import pytest

from runner.deployed import Deployed
from runner.errors import RunnerError
from runner.operate import logs

FUNCTIONS = ["IndexDetectionsFunction", "GetEventFunction", "GetEventsFunction"]


@pytest.fixture(autouse=True)
def world() -> None:
    """The runner knows nothing of the functions' tables."""


class Elsewhere(Deployed):
    """A stack of three functions."""

    def resources(self, kind: str) -> dict[str, str]:
        assert kind == "AWS::Lambda::Function"
        return dict.fromkeys(FUNCTIONS, "physical")


def _client(_service: str) -> Any:
    raise AssertionError


@pytest.mark.parametrize("name", ["IndexDetections", "index_detections", "IndexDetectionsFunction", "indexdetections"])
def test_a_function_is_named_as_in_the_template_or_as_its_sample_event(name: str) -> None:
    assert logs.logical_id(FUNCTIONS, name) == "IndexDetectionsFunction"


def test_an_unknown_function_is_refused_with_the_names_of_all() -> None:
    with pytest.raises(RunnerError, match="one of GetEvent, GetEvents, IndexDetections, not Dance"):
        logs.logical_id(FUNCTIONS, "Dance")


def test_one_function_of_a_stack_is_followed_or_read_once() -> None:
    stack = Elsewhere("sitewatch", _client, is_local=False)
    words = logs.command(stack, "get_event", region="eu-west-1", follow=True)
    assert words[words.index("--name") + 1] == "GetEventFunction"
    assert (words[words.index("--region") + 1], words[-1]) == ("eu-west-1", "--tail")
    assert "--tail" not in logs.command(stack, "get_event", region=None, follow=False)
    assert "--name" not in logs.command(stack, "", region=None, follow=True)


def test_a_stack_elsewhere_is_read_by_the_user_s_own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "mine")
    assert logs.settings(local=False, file=tmp_path / "stack.json").items() >= os.environ.items()
