"""What an operator does to a deployed system: quarantine, logs, dead letters. (A new signing key: test_production.)"""

import json
import uuid
from pathlib import Path

import pytest

from runner.__main__ import main
from runner.operate import redrive
from runner.operate.ingest import novelty
from runner.stack import Stack
from tests.integration.client import Client, eventually


@pytest.fixture
def file(stack: Stack, tmp_path: Path) -> Path:
    """The stack's file, as `make up` writes it."""
    file = tmp_path / "stack.json"
    stack.write(file)
    return file


def operate(command: str, file: Path, *words: str) -> int:
    """Run a runner's command on the stack in this file."""
    return main([command, *words, "--stack-file", str(file)])


# --- Quarantine ------------------------------------------------------------------------------------


def lines(file: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The lines that `make quarantine` lists."""
    assert operate("quarantine", file) == 0
    return capsys.readouterr().out.splitlines()[:-1]


def kept_objects(stack: Stack) -> set[str]:
    """The keys of the large records in the quarantine bucket."""
    bucket = stack.resource("QuarantineBucket", "AWS::S3::Bucket")
    return {each["Key"] for each in stack.client("s3").list_objects_v2(Bucket=bucket).get("Contents", [])}


def test_a_bad_record_is_listed_fixed_and_becomes_a_detection(
    stack: Stack, user: Client, file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert operate("quarantine", file, "--drop", "all") == 0
    capsys.readouterr()
    others = kept_objects(stack)  # their messages have been received by other tests
    make = f"Make {uuid.uuid4().hex[:8]}"
    vehicle = {"id": make, "year": "MMXX", "make": make, "model": "M", "category": "Sedan"}
    large = b"x" * (200 * 1024)
    for data in (json.dumps(vehicle).encode(), large):
        stack.client("kinesis").put_record(StreamName=stack.detections_stream, Data=data, PartitionKey="camera")
    listed = eventually(lambda: lines(file, capsys), lambda found: len(found) == 2)
    (bad,) = [line.split()[0] for line in listed if "year: Input should be a valid integer" in line]
    (big,) = [line.split()[0] for line in listed if "> 150 KiB" in line]

    fixed = tmp_path / "fixed.json"
    fixed.write_text(json.dumps({**vehicle, "year": 2020}))
    assert operate("quarantine", file, "--reingest", bad, "--file", str(fixed)) == 0
    eventually(lambda: user.get("/stats").json().get(make), lambda count: count == 1)

    # Unchanged, it is rejected again and comes back, once.
    assert operate("quarantine", file, "--reingest", "all") == 0
    capsys.readouterr()
    back = eventually(lambda: lines(file, capsys), lambda found: len(found) == 1)
    assert not back[0].startswith(big)
    assert operate("quarantine", file, "--drop", "all") == 0
    capsys.readouterr()
    assert lines(file, capsys) == []
    assert kept_objects(stack) <= others


# --- Logs and dead letters -------------------------------------------------------------------------


def test_one_functions_log_can_be_read_and_has_nothing_that_a_client_sent(
    stack: Stack, anyone: Client, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = f"nobody-{uuid.uuid4().hex[:8]}"
    assert anyone.post("/token", data={"username": name, "password": "wrong"}).status_code == 401
    assert anyone.get("/check").status_code == 200

    def read() -> str:
        assert operate("logs", file, "post_token", "--no-follow") == 0
        return capsys.readouterr().out

    printed = eventually(read, lambda text: "END RequestId" in text and '"/token"' in text)
    assert "REPORT RequestId" in printed
    assert '"/check"' not in printed
    assert name not in printed


def test_every_dead_letter_queue_is_listed_and_can_be_redriven(
    stack: Stack, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert operate("redrive", file) == 0
    listed = [line.split("QUEUE=")[1] for line in capsys.readouterr().out.splitlines()]
    assert listed == ["alerts", "jobs", "sender", "simulation"]
    queues = stack.resources(redrive.QUEUE_TYPE)
    before = redrive.waiting(stack.client("sqs"), queues["SimulationDeadLetterQueue"])
    text = json.dumps({"detections": 0})  # its function accepts this, so it does not come back
    stack.client("sqs").send_message(QueueUrl=queues["SimulationDeadLetterQueue"], MessageBody=text)
    assert operate("redrive", file, "simulation") == 0
    assert capsys.readouterr().out == f"{before + 1} sent again.\n"
    assert redrive.waiting(stack.client("sqs"), queues["SimulationDeadLetterQueue"]) == 0


# --- Importing files -------------------------------------------------------------------------------


def test_files_are_imported_once_and_those_with_the_same_row_numbers_are_two_sets(
    stack: Stack,
    user: Client,
    file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    name = uuid.uuid4().hex[:8]
    vehicles = "id;make;model;year;category\n" + f"1;{name};a;2026;Car\n2;{name};b;2026;SUV\n"
    files = {
        "a.csv": vehicles,
        "b.csv": vehicles,
        "readings": f"sensor\tts\tin\tout\n{name}\t2026-11-22T06:10:30Z\t5\t2\n",
        "events": f'event_type,event_payload\n{name},"two\nlines"\n{name},\n{name},three\n',
    }

    def ingest(kind: str, words: str) -> str:
        path = tmp_path / f"{name}-{words}"
        path.write_text(files[words], encoding="utf-8")
        operate("ingest", file, str(path), "--kind", kind)
        out, err = capsys.readouterr()
        return str(out + err)

    assert ingest("detections", "a.csv").endswith("\n2 new\n")
    assert ingest("detections", "b.csv").endswith("\n2 new\n")
    monkeypatch.setattr(novelty, "FIRST_S", 1.0)
    assert "\n0 new; the other 2 are known already, or" in ingest("detections", "a.csv")
    assert user.get("/stats").json()[name] == 4
    for _ in range(2):
        assert ingest("readings", "readings").startswith("1 put, 0 bad")
        assert "line 4: event_payload: Field required" in ingest("events", "events")
    assert user.get(f"/api/sensors/{name}/occupancy").json()["inside"] == 3
    stored = user.get("/api/event", params={"event_type": name}).json()["events"]
    assert [event["event_payload"] for event in stored] == ["three", "two\nlines"]
