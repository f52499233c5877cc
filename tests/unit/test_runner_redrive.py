"""make redrive: sends every dead letter again, through SQS's move tasks or one by one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from runner.__main__ import main
from runner.errors import RunnerError
from runner.operate import redrive
from tests.world import jobs
from tests.world.aws import client

DEAD, ALIVE = jobs.queue_url("JobsDeadLetterQueue"), jobs.queue_url("JobsQueue")
QUEUES = {"JobsQueue": ALIVE, "FailedJobsQueue": "failed", "JobsDeadLetterQueue": DEAD, "LooseDeadLetterQueue": "x"}


class Sqs:
    """moto's SQS with message move tasks, which some engines lack."""

    def __init__(self, start: Callable[..., Any], *statuses: dict[str, Any]) -> None:
        self._real = client("sqs")
        self.start_message_move_task = start
        self._statuses = iter(statuses)

    def list_message_move_tasks(self, **_: object) -> dict[str, Any]:
        return {"Results": [next(self._statuses)]}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


def _refused(code: str) -> Callable[..., Any]:
    def start(**_: object) -> None:
        raise ClientError({"Error": {"Code": code, "Message": code}}, "StartMessageMoveTask")

    return start


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)


@pytest.mark.parametrize("count", [0, 1, 25])
def test_without_move_tasks_the_command_moves_each_message(count: int) -> None:
    for number in range(count):
        attributes = {"kind": {"DataType": "String", "StringValue": "x"}}
        client("sqs").send_message(QueueUrl=DEAD, MessageBody=str(number), MessageAttributes=attributes)
    assert redrive.redrive(Sqs(_refused("InvalidAction")), DEAD, ALIVE) == count
    assert sorted(int(record["body"]) for record in jobs.take("JobsQueue")) == list(range(count))
    assert jobs.take("JobsDeadLetterQueue") == []


def test_a_rejected_message_stays_and_is_reported() -> None:
    client("sqs").send_message(QueueUrl=DEAD, MessageBody="x")

    class Refusing(Sqs):
        def send_message_batch(self, **_: object) -> dict[str, Any]:
            return {"Failed": [{"Id": "0", "Code": "Throttled", "Message": "not now"}]}

    with pytest.raises(RunnerError, match="0 sent again, then one was refused: not now"):
        redrive.redrive(Refusing(_refused("InvalidAction")), DEAD, ALIVE)
    attributes = client("sqs").get_queue_attributes(QueueUrl=DEAD, AttributeNames=["All"])["Attributes"]
    assert attributes["ApproximateNumberOfMessagesNotVisible"] == "1"


def test_with_move_tasks_sqs_moves_the_messages_and_the_command_waits() -> None:
    asked: list[dict[str, Any]] = []

    def start(**arguments: Any) -> dict[str, str]:
        asked.append(arguments)
        return {"TaskHandle": "task"}

    running, done = {"Status": "RUNNING"}, {"Status": "COMPLETED", "ApproximateNumberOfMessagesMoved": 7}
    assert redrive.redrive(Sqs(start, running, done), DEAD, ALIVE) == 7
    (arns,) = asked
    assert arns["SourceArn"].endswith(":JobsDeadLetterQueue")
    assert arns["DestinationArn"].endswith(":JobsQueue")


def test_a_failed_move_task_shows_the_reason() -> None:
    failed = {"Status": "FAILED", "FailureReason": "CouldNotDetermineMessageSource"}
    with pytest.raises(RunnerError, match="CouldNotDetermineMessageSource"):
        redrive.redrive(Sqs(lambda **_: {"TaskHandle": "task"}, failed), DEAD, ALIVE)


def test_another_error_is_not_mistaken_for_a_missing_action() -> None:
    with pytest.raises(ClientError, match="AccessDenied"):
        redrive.redrive(Sqs(_refused("AccessDenied")), DEAD, ALIVE)


def test_a_queues_name_in_the_template_is_accepted_in_any_letter_case() -> None:
    assert redrive.pair(QUEUES, "jobs") == redrive.pair(QUEUES, "Jobs") == (DEAD, ALIVE)
    for name in ("", "failedjobs", "loose", "dance"):
        with pytest.raises(RunnerError, match="QUEUE is one of jobs, not"):
            redrive.pair(QUEUES, name)


def test_without_a_local_system_or_settings_it_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["redrive", "jobs", "--stack-file", str(tmp_path / "stack.json")]) == 1
    assert "make up" in capsys.readouterr().err
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)
    assert main(["redrive", "jobs", "--stack", "sitewatch"]) == 1
    assert capsys.readouterr().err.startswith("No region")
