"""make restore: puts a table's items back into the stack's own table."""

from datetime import UTC, datetime
from typing import Any

import pytest

from runner.__main__ import main, parse
from runner.errors import RunnerError, UsageError
from runner.operate import restore
from runner.stack import Stack
from tests.world.aws import client

TABLE = "EventsTable"


class World(Stack):
    """The tests' world as a stack."""

    def client(self, service: str) -> Any:
        return client(service)

    def resources(self, kind: str) -> dict[str, str]:
        return {TABLE: TABLE, "UsersTable": "UsersTable", "OccupancyTable": "OccupancyTable"}


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restore, "find", lambda _parsed: World.named(endpoint_url="http://127.0.0.1:1"))
    monkeypatch.setattr("time.sleep", lambda _seconds: None)


def _put(number: int, text: str) -> None:
    client("dynamodb").put_item(TableName=TABLE, Item={"id": {"S": str(number)}, "text": {"S": text}})


def _stored(table: str = TABLE) -> dict[int, str]:
    return {int(item["id"]["S"]): item["text"]["S"] for item in restore.items_of(client("dynamodb"), table)}


def _backup() -> str:
    return str(client("dynamodb").create_backup(TableName=TABLE, BackupName="before")["BackupDetails"]["BackupArn"])


def test_a_changed_and_a_deleted_item_come_back_and_newer_ones_stay(capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(120):
        _put(number, "as it was")
    backup = _backup()
    _put(0, "changed")
    client("dynamodb").delete_item(TableName=TABLE, Key={"id": {"S": "1"}})
    _put(500, "new")
    assert main(["restore", "events", "--backup", backup]) == 0
    assert _stored() == {**dict.fromkeys(range(120), "as it was"), 500: "new"}
    assert "120 items put back" in capsys.readouterr().out


def test_an_exact_restore_deletes_newer_items() -> None:
    for number in range(3):
        _put(number, "as it was")
    backup = _backup()
    for number in range(3, 130):
        _put(number, "new")
    assert main(["restore", "EventsTable", "--backup", backup, "--exact"]) == 0
    assert _stored() == dict.fromkeys(range(3), "as it was")


def test_items_can_be_copied_from_a_table_that_is_already_restored() -> None:
    _put(1, "as it was")
    assert main(["restore", "events", "--backup", _backup()]) == 0
    (restored,) = [name for name in client("dynamodb").list_tables()["TableNames"] if "restored" in name]
    _put(1, "changed")
    assert main(["restore", "events", "--from", restored]) == 0
    assert _stored() == {1: "as it was"}


def test_a_point_in_time_is_requested_in_utc() -> None:
    _put(1, "as it was")
    client("dynamodb").update_continuous_backups(
        TableName=TABLE, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    assert main(["restore", "events", "--at", "2026-11-23T06:00:00Z"]) == 0
    assert parse(["restore", "events", "--at", "2026-11-23T07:00:00+01:00"]).at == datetime(2026, 11, 23, 6, tzinfo=UTC)
    for text in ("2026-11-23T06:00:00", "yesterday"):
        with pytest.raises(UsageError, match="AT"):
            parse(["restore", "events", "--at", text])


def test_unprocessed_items_are_retried_and_then_reported() -> None:
    class Refusing:
        left = 3

        def batch_write_item(self, RequestItems: Any) -> Any:  # noqa: N803 - botocore's name
            self.left -= 1
            return {"UnprocessedItems": RequestItems if self.left else {}}

    restore.write(Refusing(), TABLE, [{}])
    never = Refusing()
    never.left = -1
    with pytest.raises(RunnerError, match="goes on refusing"):
        restore.write(never, TABLE, [{}])


@pytest.mark.parametrize(
    "arguments", [["events"], ["dance", "--backup", "x"], ["events", "--at", "2026-11-23T06:00Z", "--backup", "x"]]
)
def test_ambiguous_arguments_restore_nothing(arguments: list[str]) -> None:
    assert main(["restore", *arguments]) == 2
    assert not [name for name in client("dynamodb").list_tables()["TableNames"] if "restored" in name]


def test_another_tables_backup_is_rejected(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["restore", "users", "--backup", _backup()]) == 1
    assert "a backup of EventsTable" in capsys.readouterr().err
