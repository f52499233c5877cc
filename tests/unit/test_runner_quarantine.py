"""make quarantine: lists rejected records, puts them on the stream again or drops them, and never loses one."""

import gzip
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from detections import formats
from detections import quarantine as keeping
from detections.arrival import KinesisRecord, Rejected
from runner.__main__ import main
from runner.errors import RunnerError
from runner.operate import quarantine, queues
from runner.operate.quarantine import Quarantine
from runner.stack import Stack
from sitewatch import settings
from tests.world.aws import client
from tests.world.pipeline import vehicle

RECORD = KinesisRecord("shardId-000000000000", "1", "camera-7", datetime(2026, 11, 22, 6, 10, 30, tzinfo=UTC), b"{")
LARGE = b"x" * (200 * 1024)


class CloudFormation:
    """Lists the resources of the tests' world."""

    def get_paginator(self, _name: str) -> "CloudFormation":
        return self

    def paginate(self, StackName: str) -> list[Any]:  # noqa: N803 - botocore's name
        names = {
            ("QuarantineQueue", "AWS::SQS::Queue"): settings.text("QUARANTINE_QUEUE_URL"),
            ("DetectionsStream", "AWS::Kinesis::Stream"): "DetectionsStream",
        }
        return [
            {
                "StackResourceSummaries": [
                    {"LogicalResourceId": name, "ResourceType": kind, "PhysicalResourceId": physical}
                    for (name, kind), physical in names.items()
                ]
            }
        ]


class World(Stack):
    """The tests' world as a stack."""

    def client(self, service: str) -> Any:
        return CloudFormation() if service == "cloudformation" else client(service)


STACK = World.named()


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command's stack is the tests' world."""
    monkeypatch.setattr(queues, "WAIT_SECONDS", 0)
    monkeypatch.setattr(quarantine, "find", lambda _parsed: STACK)


def _keep(*contents: bytes, reason: str = "year: Field required") -> None:
    records = [replace(RECORD, sequence_number=str(number), data=data) for number, data in enumerate(contents)]
    for record in records:
        keeping.keep([Rejected(record, reason, record.data)])


def _ids() -> list[str]:
    with Quarantine(STACK) as held:
        return [record.id for record in held.records()]


def _on_the_stream() -> list[tuple[str, bytes]]:
    kinesis = client("kinesis")
    (shard,) = kinesis.describe_stream(StreamName="DetectionsStream")["StreamDescription"]["Shards"]
    start = kinesis.get_shard_iterator(
        StreamName="DetectionsStream", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )
    records = kinesis.get_records(ShardIterator=start["ShardIterator"])["Records"]
    return [(record["PartitionKey"], record["Data"]) for record in records]


def _objects() -> int:
    return int(client("s3").list_objects_v2(Bucket=settings.text("QUARANTINE_BUCKET"))["KeyCount"])


def test_a_long_list_shows_each_record_once_and_leaves_all_in_quarantine(capsys: pytest.CaptureFixture[str]) -> None:
    _keep(*(f"{number}".encode() for number in range(23)))
    for _ in range(2):
        assert main(["quarantine"]) == 0
        printed = capsys.readouterr().out.splitlines()
        assert printed[-1] == "23 in quarantine."
        assert {line.split()[0] for line in printed[:-1]} == {each[:8] for each in _ids()}
        assert all("2026-11-22T06:10:30" in line and "year: Field required" in line for line in printed[:-1])


def test_a_record_cannot_control_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    _keep(b"", reason="[bold]x[/] \x1b[2J")
    main(["quarantine"])
    assert "[bold]x[/] \\x1b[2J\n" in capsys.readouterr().out


@pytest.mark.parametrize("data", [b"\xff\x00 not JSON", b"", LARGE])
def test_a_record_is_shown_as_its_exact_bytes(data: bytes, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    _keep(data)
    (identity,) = _ids()
    assert main(["quarantine", "--show", identity[:8]]) == 0
    written = capfdbinary.readouterr()
    assert written.out == data
    assert b"year: Field required" in written.err


@pytest.mark.parametrize("data", [b"not JSON", LARGE])
def test_a_record_is_put_on_the_stream_again_with_its_key_and_leaves_quarantine(data: bytes) -> None:
    _keep(data)
    (identity,) = _ids()
    assert main(["quarantine", "--reingest", identity]) == 0
    assert _on_the_stream() == [("camera-7", data)]
    assert (_ids(), _objects()) == ([], 0)


def test_a_fixed_file_replaces_the_bytes(tmp_path: Path) -> None:
    _keep(LARGE)
    fixed = tmp_path / "fixed.json"
    fixed.write_text(json.dumps(vehicle()))
    assert main(["quarantine", "--reingest", _ids()[0], "--file", str(fixed)]) == 0
    assert [json.loads(data) for _, data in _on_the_stream()] == [vehicle()]
    assert (_ids(), _objects()) == ([], 0)


@pytest.mark.parametrize("pack", [lambda lines: lines, gzip.compress])
def test_a_fixed_file_may_have_several_detections(
    pack: Callable[[bytes], bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _keep(b"one")
    fixed = tmp_path / "fixed.jsonl"
    fixed.write_bytes(pack(b"\n".join(json.dumps(vehicle(model=name)).encode() for name in "ab")))
    assert main(["quarantine", "--reingest", _ids()[0], "--file", str(fixed)]) == 0
    assert capsys.readouterr().out == "2 detections put on the stream.\n"
    ((key, data),) = _on_the_stream()
    assert [part.value["model"] for part in formats.parts(data)] == ["a", "b"]
    assert (key, _ids()) == ("camera-7", [])


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b'{"year": 2020}\n{"year"', "part 0: make: Field required"),
        (b'{"year": 2020}\n{"year"', "part 1: JSON with an error in line 1, column 8"),
        (b"year,make\n2020,Kia", "It is CSV text."),
        (b" " * (1024 * 1024 + 1), "compress it with gzip, or split it"),
    ],
)
def test_a_file_with_anything_else_changes_nothing(
    content: bytes, says: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    _keep(b"one")
    fixed = tmp_path / "fixed"
    fixed.write_bytes(content)
    assert main(["quarantine", "--reingest", _ids()[0], "--file", str(fixed)]) == 1
    assert says in capfd.readouterr().err
    assert (len(_ids()), _on_the_stream()) == (1, [])


def test_a_part_of_a_record_is_listed_with_its_index(capsys: pytest.CaptureFixture[str]) -> None:
    keeping.keep([Rejected(RECORD, "year: Field required", b"{}", index) for index in (4, 7)])
    main(["quarantine"])
    printed = capsys.readouterr().out
    assert "part 4 of its record: year: Field required" in printed
    assert "part 7 of its record: year: Field required" in printed


def test_all_records_can_be_put_on_the_stream_again() -> None:
    contents = [f"{number}".encode() for number in range(15)] + [LARGE]
    _keep(*contents)
    assert main(["quarantine", "--reingest", "all"]) == 0
    assert Counter(data for _, data in _on_the_stream()) == Counter(contents)
    assert (_ids(), _objects()) == ([], 0)


def test_a_record_that_comes_back_at_once_is_put_on_the_stream_only_once(monkeypatch: pytest.MonkeyPatch) -> None:
    _keep(*(f"{number}".encode() for number in range(15)))
    put = Quarantine.reingest
    numbers = iter(range(100, 200))

    def reingest(self: Quarantine, record: quarantine.Quarantined, data: bytes) -> None:
        put(self, record, data)
        keeping.keep([Rejected(replace(RECORD, sequence_number=str(next(numbers))), "still none", data)])

    monkeypatch.setattr(Quarantine, "reingest", reingest)
    assert main(["quarantine", "--reingest", "all"]) == 0
    assert len(_on_the_stream()) == len(_ids()) == 15


def test_a_record_that_the_stream_rejects_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    _keep(b"one")
    client("kinesis").delete_stream(StreamName="DetectionsStream")
    assert main(["quarantine", "--reingest", "all"]) == 1
    assert len(_ids()) == 1


def test_dropping_a_record_deletes_its_object_and_keeps_the_others() -> None:
    _keep(LARGE, b"small")
    held = _ids()
    with Quarantine(STACK) as opened:
        (large,) = [record.id for record in opened.records() if "bucket" in record.place]
    assert main(["quarantine", "--drop", large]) == 0
    assert _ids() == [identity for identity in held if identity != large]
    assert _objects() == 0
    assert main(["quarantine", "--drop", "all"]) == 0
    assert _ids() == []


@pytest.mark.parametrize("action", ["--show", "--reingest", "--drop"])
def test_an_unknown_or_ambiguous_id_does_nothing(action: str, capfd: pytest.CaptureFixture[str]) -> None:
    _keep(b"one", b"two")
    assert main(["quarantine", action, "no-such-id"]) == 1
    assert capfd.readouterr().err.startswith("No records in quarantine")
    with Quarantine(STACK) as held, pytest.raises(RunnerError, match=r"^2 rec"):
        held.find("")
    assert len(_ids()) == 2
    assert _on_the_stream() == []


def test_one_file_cannot_replace_all_records(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _keep(b"one")
    assert main(["quarantine", "--reingest", "all", "--file", str(tmp_path / "none")]) == 2
    assert main(["quarantine", "--reingest", _ids()[0], "--file", str(tmp_path / "none")]) == 1
    assert "Cannot read" in capsys.readouterr().err
    assert len(_ids()) == 1


def test_a_missing_object_is_reported(capfd: pytest.CaptureFixture[str]) -> None:
    _keep(LARGE)
    bucket = settings.text("QUARANTINE_BUCKET")
    client("s3").delete_object(Bucket=bucket, Key=client("s3").list_objects_v2(Bucket=bucket)["Contents"][0]["Key"])
    assert main(["quarantine", "--show", _ids()[0]]) == 1
    assert "are gone" in capfd.readouterr().err
    assert len(_ids()) == 1


def test_a_message_of_another_kind_is_reported(capfd: pytest.CaptureFixture[str]) -> None:
    client("sqs").send_message(
        QueueUrl=settings.text("QUARANTINE_QUEUE_URL"),
        MessageBody=json.dumps({"reason": "x"}),
        MessageGroupId="x",
        MessageDeduplicationId="x",
    )
    assert main(["quarantine"]) == 1
    assert "none of the index's" in capfd.readouterr().err


def test_two_actions_at_once_are_rejected(capsys: pytest.CaptureFixture[str]) -> None:
    _keep(b"one")
    assert main(["quarantine", "--drop", "all", "--show", _ids()[0]]) == 2
    assert capsys.readouterr().err == "Only one of SHOW=, REINGEST= and DROP= at a time.\n"
    assert len(_ids()) == 1
