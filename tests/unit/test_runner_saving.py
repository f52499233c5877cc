"""Saves of the emulator's state are complete, and the next emulator starts with the newest intact one."""

import json
import os
import threading
from pathlib import Path
from queue import SimpleQueue
from types import SimpleNamespace

import pytest

from runner.local import saving


@pytest.fixture(autouse=True)
def world() -> None:
    """No table is needed here."""


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


def _save(state: Path, **services: object) -> Path:
    draft = saving.new_draft(state)
    (draft / "lambda-blobs").mkdir()
    (draft / "lambda-blobs" / "code.zip").write_bytes(b"code")
    for name, content in services.items():
        (draft / f"{name}.json").write_text(content if isinstance(content, str) else json.dumps(content))
    return saving.complete(state, draft)


def _truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


def test_the_newest_save_is_used_and_the_one_before_is_kept(state: Path) -> None:
    saves = [_save(state, dynamodb={"number": number}) for number in range(12)]

    assert saving.newest_save(state) == saves[-1]
    assert saving.complete_saves(state) == [saves[-1], saves[-2]]


@pytest.mark.parametrize("damaged", ["dynamodb.json", "lambda-blobs/code.zip", saving.MANIFEST])
def test_a_damaged_save_is_skipped(state: Path, damaged: str) -> None:
    good, bad = (_save(state, dynamodb={"number": number}) for number in range(2))
    _truncate(bad / damaged)

    assert saving.newest_save(state) == good

    (bad / damaged).unlink()
    assert saving.newest_save(state) == good


def test_without_an_intact_save_there_is_none(state: Path) -> None:
    assert saving.newest_save(state) is None

    _truncate(_save(state, dynamodb={}) / "dynamodb.json")

    assert saving.newest_save(state) is None


def test_a_file_that_the_emulator_adds_to_a_save_does_no_harm(state: Path) -> None:
    save = _save(state, dynamodb={})
    (save / "key.pem").touch()

    assert saving.newest_save(state) == save


def test_an_interrupted_save_is_deleted(state: Path) -> None:
    save = _save(state, dynamodb={})
    (saving.new_draft(state) / "dynamodb.json").write_text("{")

    saving.prepare(state)

    assert list(state.iterdir()) == [save]


def test_the_state_of_an_earlier_version_becomes_a_save_without_positions_in_streams(state: Path) -> None:
    kept = {"functions": {"a": 1}, "kinesis_positions": {"x": {"s": 7}}}
    saved = {"__ministack_format__": 2, "payload": {**kept, "dynamodb_stream_positions": {"data": {"y": 2400}}}}
    state.mkdir()
    (state / "lambda.json").write_text(json.dumps(saved))
    (state / "sqs.json").write_text("{}")

    saving.prepare(state)

    save = saving.newest_save(state)
    assert save is not None
    assert {file.name for file in save.iterdir()} == {"lambda.json", "sqs.json", saving.MANIFEST}
    found = json.loads((save / "lambda.json").read_text())
    assert found == {**saved, "payload": {**kept, "dynamodb_stream_positions": {}}}


@pytest.mark.parametrize("address", ["localhost:4600", "172.17.0.1:4566", "localhost:1"])
def test_saved_queues_move_to_the_emulators_next_address(state: Path, address: str) -> None:
    url = "http://{}/000000000000/jobs"
    elsewhere = "http://localhost:4566/restapis/abc and http://example.com/000000000000/jobs"

    def content(at: str) -> dict[str, object]:
        queues = {f"000000000000\0us-east-1\0'{url.format(at)}'": {"url": url.format(at)}}
        return {"sqs": queues, "lambda": {"QUEUE_URL": url.format(at), "other": elsewhere}}

    save = _save(state, **content("localhost:4566"))

    moved = saving.at_address(state, save, address)

    assert {name: json.loads((moved / f"{name}.json").read_text()) for name in ("sqs", "lambda")} == content(address)
    assert saving.newest_save(state) == moved
    assert saving.at_address(state, moved, address) == moved


def test_a_save_without_queues_is_used_as_it_is(state: Path) -> None:
    save = _save(state, dynamodb={})

    assert saving.at_address(state, save, "localhost:4600") == save


def test_objects_of_a_bucket_that_was_not_saved_are_deleted(state: Path, tmp_path: Path) -> None:
    objects = tmp_path / "s3" / "000000000000"
    for bucket in ("saved", "saved-not"):
        (objects / bucket).mkdir(parents=True)
        (objects / bucket / "object").touch()
    save = _save(state, s3={"buckets_meta": {"000000000000\0'saved'": {}}})

    saving.forget_unknown_buckets(objects.parent, save)

    assert [each.name for each in objects.iterdir()] == ["saved"]

    saving.forget_unknown_buckets(objects.parent, None)

    assert list(objects.iterdir()) == []


def test_the_last_save_is_one_after_the_request(state: Path) -> None:
    assert not saving.has_ended(state, since=0)

    state.mkdir()
    (state / saving.ENDED).touch()
    os.utime(state / saving.ENDED, (2_000, 2_000))

    assert saving.has_ended(state, since=1_000)
    assert not saving.has_ended(state, since=3_000)


def test_a_process_that_the_runner_has_not_recorded_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saving, "RECORDED_DEADLINE_S", 0.05)
    (tmp_path / "emulator.json").write_text(json.dumps({"pid": os.getpid() + 1}))

    with pytest.raises(SystemExit):
        saving.wait_until_recorded(tmp_path / "emulator.json")

    (tmp_path / "emulator.json").write_text(json.dumps({"pid": os.getpid()}))
    saving.wait_until_recorded(tmp_path / "emulator.json")


def test_the_emulator_parses_a_condition_once_for_all_items() -> None:
    parsed: list[str] = []

    class Emulator:
        @staticmethod
        def _condition_syntax_error(expression: str, slot: str) -> str | None:
            parsed.append(f"{slot}: {expression}")
            return None

        @staticmethod
        def _tokenize(expression: str) -> list[str]:
            parsed.append(expression)
            return expression.split()

    saving.parse_conditions_once(Emulator)

    for _ in range(100):
        assert Emulator._condition_syntax_error("a = :b", "Filter") is None
        tokens = Emulator._tokenize("a = :b")
        assert tokens == ["a", "=", ":b"]
        tokens.clear()  # a caller may change what it gets
    assert parsed == ["Filter: a = :b", "a = :b"]


def test_the_emulator_checks_a_permission_once_for_all_items_of_a_transaction() -> None:
    class Emulator:
        @staticmethod
        def dynamodb_transaction_checks(*tables: str) -> list[tuple[str, str]]:
            return [("dynamodb:PutItem", table) for table in tables]

    saving.check_permissions_once(Emulator)

    checks = Emulator.dynamodb_transaction_checks("log", "counts", "log", "log")
    assert checks == [("dynamodb:PutItem", "log"), ("dynamodb:PutItem", "counts")]


def _loop() -> None:
    """A pass of the emulator's loop, with the variables of the module that it is in."""
    module = globals()
    woken = module["_esm_wake"].wait(5)
    for source in ("_poll_kinesis", "_poll_dynamodb_streams", "_poll_sqs"):
        module[source](woken)


def test_a_queue_is_polled_while_the_function_of_a_stream_runs() -> None:
    polled, queue_is_polled = SimpleQueue[str](), threading.Event()

    def run_function(woken: bool) -> None:
        polled.put(f"stream {woken and queue_is_polled.wait(5)}")

    def take_messages(woken: bool) -> None:
        polled.put(f"queue {woken}")
        queue_is_polled.set()

    wake = threading.Event()
    emulator = SimpleNamespace(
        _esm_wake=wake,
        _poll_loop=_loop,
        _poll_kinesis=run_function,
        _poll_dynamodb_streams=lambda woken: polled.put(f"table {woken}"),
        _poll_sqs=take_messages,
    )
    saving.poll_apart(emulator)

    emulator._poll_loop()
    wake.set()  # as the emulator's modules do, which have imported it before

    assert sorted(polled.get(timeout=10) for _ in range(3)) == ["queue True", "stream True", "table True"]
    assert polled.empty()
