"""make logs FUNCTION=…: one function's lines from a log group that several functions share."""

import json
import time
from typing import Any

import pytest

from runner.__main__ import main
from runner.operate import logs
from runner.stack import Stack
from tests.world.aws import client

SHARED = "sitewatch-detections"
INDEX, COUNT, ALONE = "sitewatch-IndexDetections-1X", "sitewatch-CountDetections-2Y", "sitewatch-GetEvent-3Z"
FUNCTIONS = {"IndexDetectionsFunction": INDEX, "CountDetectionsFunction": COUNT, "GetEventFunction": ALONE}


class Functions:
    """Lambda: two functions share a log group, one has its own."""

    def get_function_configuration(self, FunctionName: str) -> dict[str, Any]:  # noqa: N803 - botocore's name
        return {} if FunctionName == ALONE else {"LoggingConfig": {"LogGroup": SHARED, "LogFormat": "JSON"}}


class World(Stack):
    """A stack of three functions."""

    def client(self, service: str) -> Any:
        return Functions() if service == "lambda" else client(service)

    def resources(self, kind: str) -> dict[str, str]:
        assert kind == "AWS::Lambda::Function"
        return FUNCTIONS


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "find", lambda _parsed: World.named())


def _written(group: str, stream: str, *lines: str, age_s: int = 1) -> None:
    cloudwatch = client("logs")
    if not cloudwatch.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
        cloudwatch.create_log_group(logGroupName=group)
    if not cloudwatch.describe_log_streams(logGroupName=group, logStreamNamePrefix=stream)["logStreams"]:
        cloudwatch.create_log_stream(logGroupName=group, logStreamName=stream)
    at = int((time.time() - age_s) * 1000)
    events = [{"timestamp": at, "message": line} for line in lines]
    cloudwatch.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)


def _of(function: str, message: str) -> str:
    return json.dumps({"message": message, "function_name": function})


def _read(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    assert main(["logs", *words, "--stack", "sitewatch", "--no-follow"]) == 0
    return capsys.readouterr().out.splitlines()


def test_on_aws_the_log_streams_name_identifies_the_function(capsys: pytest.CaptureFixture[str]) -> None:
    _written(SHARED, f"2026/11/25/{INDEX}[$LATEST]aa", '{"message": "mine"}', "Traceback")
    _written(SHARED, f"2026/11/25/{COUNT}[$LATEST]bb", '{"message": "another\'s"}')
    assert _read(capsys, "IndexDetections") == ['{"message": "mine"}', "Traceback"]


def test_on_the_emulator_a_line_of_the_invocation_identifies_the_function(capsys: pytest.CaptureFixture[str]) -> None:
    mine = ["START RequestId: 1", _of(INDEX, "indexed"), "END RequestId: 1", "REPORT RequestId: 1"]
    _written(SHARED, "2026/11/25/[$LATEST]aa", *mine)
    _written(SHARED, "2026/11/25/[$LATEST]bb", "START RequestId: 2", _of(COUNT, "counted"), "END RequestId: 2")
    assert _read(capsys, "index_detections") == mine


def test_lines_without_ids_are_distinguished(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    line = {"logStreamName": f"{INDEX}[$LATEST]", "timestamp": 1, "message": "the same"}

    class Emulator:
        exceptions = client("logs").exceptions

        def get_paginator(self, _name: str) -> "Emulator":
            return self

        def paginate(self, **_: Any) -> list[Any]:
            return [{"events": [line, line]}]

    real = World.client
    monkeypatch.setattr(World, "client", lambda self, name: Emulator() if name == "logs" else real(self, name))
    group = logs.Group(World.named(), SHARED, {INDEX})
    assert list(group.new()) == [line, line]
    assert list(group.new()) == []


def test_an_invocation_that_failed_before_its_first_line_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    _written(SHARED, "2026/11/25/[$LATEST]cc", "START RequestId: 3", "ImportError", '["a list"]')
    _written(SHARED, "2026/11/25/[$LATEST]dd", "START RequestId: 4", "END RequestId: 4", "REPORT RequestId: 4")
    assert _read(capsys, "IndexDetections") == ["START RequestId: 3", "ImportError", '["a list"]']


def test_a_function_with_its_own_group_is_read_there(capsys: pytest.CaptureFixture[str]) -> None:
    _written(SHARED, f"2026/11/25/{INDEX}[$LATEST]aa", "another's")
    _written(f"/aws/lambda/{ALONE}", "2026/11/25/[$LATEST]aa", "mine")
    assert _read(capsys, "get_event") == ["mine"]


def test_without_a_function_all_lines_are_read_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    _written(SHARED, f"2026/11/25/{INDEX}[$LATEST]aa", "first", age_s=30)
    _written(f"/aws/lambda/{ALONE}", "2026/11/25/[$LATEST]aa", "second", age_s=20)
    _written(SHARED, f"2026/11/25/{COUNT}[$LATEST]bb", "third", age_s=10)
    assert _read(capsys) == ["first", "second", "third"]


def test_only_the_last_ten_minutes_are_read(capsys: pytest.CaptureFixture[str]) -> None:
    _written(SHARED, f"2026/11/25/{INDEX}[$LATEST]aa", "old", age_s=700)
    assert _read(capsys, "IndexDetections") == []


def test_following_prints_each_line_once(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    _written(SHARED, f"2026/11/25/{INDEX}[$LATEST]aa", "before")
    pauses = iter(["after", "", None])

    def pause(_seconds: float) -> None:
        match next(pauses):
            case None:
                raise KeyboardInterrupt
            case str(line) if line:
                _written(SHARED, f"2026/11/25/{INDEX}[$LATEST]aa", line, age_s=0)

    monkeypatch.setattr("runner.operate.logs.time.sleep", pause)
    assert main(["logs", "IndexDetections", "--stack", "sitewatch"]) == 130
    assert capsys.readouterr().out.splitlines() == ["before", "after"]


@pytest.mark.parametrize("name", ["IndexDetections", "index_detections", "IndexDetectionsFunction", "indexdetections"])
def test_a_function_is_named_as_in_the_template_or_as_its_sample_event(name: str) -> None:
    assert logs.groups_of(World.named(), name) == {SHARED: {INDEX}}


def test_an_unknown_function_is_an_error_that_lists_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["logs", "Dance", "--stack", "sitewatch"]) == 2
    assert capsys.readouterr().err == "FUNCTION is one of CountDetections, GetEvent, IndexDetections, not Dance.\n"
