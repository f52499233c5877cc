"""An emulator that is killed at any moment comes up again with everything that had been saved.

``KILLS=200 SEED=1`` kills it more often, at the moments of an earlier run.
"""

import itertools
import json
import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from runner.local import emulator, environment, saving
from runner.local.emulator import Emulator
from runner.stack import aws_client
from runner.waiting import wait_until
from runner.workspace import Workspace

KILLS = int(os.environ.get("KILLS", "20"))
SEED = int(os.environ.get("SEED", random.randrange(10**6)))
TABLE, COUNTER, BUCKET = "items", "counter", "artifacts"


class Writer:
    """Numbers items in the emulator's table until a call fails: each with the counter, in one transaction."""

    def __init__(self, server: Emulator) -> None:
        stack = server.stack()
        once = {"retries": {"total_max_attempts": 1}, "read_timeout": 10}
        self.dynamodb, self.s3 = (
            aws_client(service, stack.endpoint_url, stack.region, stack.credentials, **once)
            for service in ("dynamodb", "s3")
        )

    def start(self, written: int) -> threading.Thread:
        """Continue after a number in another thread."""
        thread = threading.Thread(target=self.write, args=[written], daemon=True)
        thread.start()
        return thread

    def prepare(self) -> None:
        """Make what has not been saved yet. A bucket of the same name must never be in the way."""
        if TABLE not in self.dynamodb.list_tables()["TableNames"]:
            self.dynamodb.create_table(
                TableName=TABLE,
                KeySchema=[{"AttributeName": "key", "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": "key", "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
            )
        if BUCKET not in [each["Name"] for each in self.s3.list_buckets()["Buckets"]]:
            self.s3.create_bucket(Bucket=BUCKET)
        self.s3.put_object(Bucket=BUCKET, Key="code.zip", Body=b"code")

    def numbers(self) -> tuple[int, set[int]]:
        """The counter, and the numbers of all items."""
        items = self.dynamodb.get_paginator("scan").paginate(TableName=TABLE, ConsistentRead=True)
        found = {item["key"]["S"]: int(item["number"]["N"]) for page in items for item in page["Items"]}
        return found.pop(COUNTER, 0), set(found.values())

    def write(self, written: int) -> None:
        """Write until a call fails."""
        for number in itertools.count(written + 1):
            puts = [{"key": {"S": key}, "number": {"N": str(number)}} for key in (COUNTER, f"item-{number}")]
            try:
                self.dynamodb.transact_write_items(
                    TransactItems=[{"Put": {"TableName": TABLE, "Item": item}} for item in puts]
                )
            except (BotoCoreError, ClientError):
                return  # it was killed


def saved_number(state: Path) -> int:
    """The counter in the newest save; 0 if there is none."""
    save = saving.newest_save(state) if state.exists() else None
    if save is None or not (save / "dynamodb.json").exists():
        return 0
    tables: dict[str, Any] = json.loads((save / "dynamodb.json").read_text())["payload"]["tables"]["data"]
    for table in tables.values():
        for items in table["items"].get(COUNTER, {}).values():
            return int(items["number"]["N"])
    return 0


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    workspace = Workspace(tmp_path)
    workspace.prepare()
    of_emulator = environment.emulator
    monkeypatch.setattr(
        environment, "emulator", lambda *given, **named: of_emulator(*given, **named) | {"SAVE_EVERY_SECONDS": "0.1"}
    )
    yield workspace
    if (running := emulator.running(workspace)) is not None:
        running.discard()


def killed(server: Emulator, *, with_children: bool) -> None:
    """Kill the emulator, alone or with its workers and a child that saves."""
    (os.killpg if with_children else os.kill)(server.identity.pid, signal.SIGKILL)
    wait_until(lambda: not server.alive(), 10, "it still runs")


def test_everything_saved_survives_kills_at_random_moments(workspace: Workspace) -> None:
    print(f"SEED={SEED}")  # noqa: T201 - pytest shows it if the test fails
    chance, port = random.Random(SEED), emulator.free_port()
    saves = 0
    for kill in range(KILLS):
        saved = saved_number(workspace.state)
        server = emulator.start(workspace, port)
        while_starting = chance.random() < 0.3
        if while_starting:
            time.sleep(chance.uniform(0, 1.5))
        else:
            server.wait_until_ready()
            writer = Writer(server)
            writer.prepare()
            counter, numbers = writer.numbers()
            assert counter >= saved, f"SEED={SEED}, kill {kill}"
            assert numbers == set(range(1, counter + 1)), f"SEED={SEED}, kill {kill}"
            writing = writer.start(counter)
            time.sleep(chance.uniform(0, 1.0))
        killed(server, with_children=chance.random() < 0.5)
        if not while_starting:
            writing.join(timeout=30)
            saves += saved_number(workspace.state) > saved
    assert saves, "nothing was ever saved"


def test_what_was_written_is_saved_soon_after(workspace: Workspace) -> None:
    server = emulator.start(workspace, emulator.free_port())
    server.wait_until_ready()
    writer = Writer(server)
    writer.prepare()
    writer.dynamodb.put_item(TableName=TABLE, Item={"key": {"S": COUNTER}, "number": {"N": "7"}})

    wait_until(lambda: saved_number(workspace.state) == 7, 20, "it was not saved")
