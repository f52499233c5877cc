"""make replay: reads the batches that Lambda gave up on from the stream again."""

import io
import json
from typing import Any

import pytest

from detections import on_stream_index
from runner.__main__ import main
from runner.operate import queues, replay
from runner.stack import Stack
from tests.world import jobs
from tests.world.aws import client
from tests.world.calling import Context
from tests.world.pipeline import stored, vehicle

QUEUE = jobs.queue_url("StreamFailuresQueue")


class Functions:
    """Lambda with the index function, which fails until it is fixed."""

    def __init__(self, *, fixed: bool) -> None:
        self.fixed = fixed

    def invoke(self, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803 - botocore's name
        assert FunctionName == "arn:index"
        if not self.fixed:
            return {"FunctionError": "Unhandled", "Payload": io.BytesIO(b"KeyError")}
        on_stream_index.handler(json.loads(Payload), Context())
        return {}


def _run(monkeypatch: pytest.MonkeyPatch, *, fixed: bool = True) -> int:
    functions = Functions(fixed=fixed)

    class World(Stack):
        """The tests' world as a stack."""

        def client(self, service: str) -> Any:
            return functions if service == "lambda" else client(service)

        def resource(self, logical_id: str, kind: str) -> str:
            return QUEUE

    monkeypatch.setattr(replay, "find", lambda _parsed: World.named())
    monkeypatch.setattr(queues, "HIDDEN_SECONDS", 1)
    return main(["replay"])


def _given_up(count: int) -> None:
    """Put records, and report all but the first and the last as a failed batch."""
    kinesis = client("kinesis")
    put = [
        kinesis.put_record(
            StreamName="DetectionsStream", Data=json.dumps(vehicle(model=f"M{n}")).encode(), PartitionKey="camera"
        )
        for n in range(count + 2)
    ]
    described = kinesis.describe_stream(StreamName="DetectionsStream")["StreamDescription"]
    batch = {
        "shardId": put[0]["ShardId"],
        "startSequenceNumber": put[1]["SequenceNumber"],
        "endSequenceNumber": put[count]["SequenceNumber"],
        "streamArn": described["StreamARN"],
    }
    body = {"requestContext": {"functionArn": "arn:index"}, "KinesisBatchInfo": batch}
    client("sqs").send_message(QueueUrl=QUEUE, MessageBody=json.dumps(body))


def test_exactly_the_batch_is_indexed_and_its_message_is_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    _given_up(3)
    for _ in range(2):
        assert _run(monkeypatch) == 0
        assert sorted(each["model"] for each in stored().values()) == ["M1", "M2", "M3"]
    assert jobs.take("StreamFailuresQueue") == []


def test_a_batch_that_still_fails_stays(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    _given_up(1)
    assert _run(monkeypatch, fixed=False) == 1
    assert "still fails on them: KeyError" in capsys.readouterr().err
    attributes = client("sqs").get_queue_attributes(QueueUrl=QUEUE, AttributeNames=["All"])["Attributes"]
    counts = (attributes["ApproximateNumberOfMessages"], attributes["ApproximateNumberOfMessagesNotVisible"])
    assert sum(map(int, counts)) == 1


def test_a_batch_of_the_tables_stream_is_reported_and_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    client("sqs").send_message(QueueUrl=QUEUE, MessageBody=json.dumps({"DDBStreamBatchInfo": {"shardId": "s-1"}}))
    assert _run(monkeypatch) == 1
    printed = capsys.readouterr().out
    assert "s-1" in printed
    assert printed.endswith("0 batches replayed, 1 left.\n")


def test_a_large_batch_is_split_to_fit_lambdas_limit() -> None:
    records = [{"kinesis": {"data": "x" * 1_400_000}, "n": n} for n in range(7)]
    parts = list(replay.events(records))
    assert [[each["n"] for each in part] for part in parts] == [[0, 1], [2, 3], [4, 5], [6]]
