"""Put a table's items back: `make restore TABLE=Users AT=2026-11-23T06:00:00Z`, or BACKUP=arn of an on-demand backup.

FROM=name uses a table that is restored already.

DynamoDB restores into a new table only. The stack keeps its own table, with its stream, indexes and permissions: the
new table is restored beside it, and its items are put into the stack's. A changed item gets its former value, a deleted
one comes back. With EXACT=yes, items that the restored table does not have are deleted too. A put of an identical item
leaves no record on the table's stream, so unchanged items are not counted or published again.
"""

import argparse
import contextlib
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from runner import arguments
from runner.errors import RunnerError, UsageError
from runner.stack import aws_errors, choose, find
from sitewatch.delivery import DeliveryFailed, chunks, deliver

MAX_WRITES, MAX_READS = 25, 100
"""Of one call of BatchWriteItem and of BatchGetItem."""

ATTEMPTS = 10
RESTORE_DEADLINE_S = 12 * 3600
MAX_NAME_LENGTH = 255

Item = dict[str, Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    arguments.add(parser, "table", "TABLE", "its name in template.yaml, without Table")
    arguments.add(parser, "--at", "AT", "restore to this time, by point-in-time recovery", point_in_time, default=None)
    arguments.add(parser, "--backup", "BACKUP", "the ARN of an on-demand backup")
    arguments.add(parser, "--from", "FROM", "a table that is restored already")
    arguments.add_flag(parser, "--exact", "EXACT", "also delete items that are newer")
    arguments.add_stack(parser)


def run(parsed: argparse.Namespace) -> None:
    """Restore into a new table, and put its items into the stack's."""
    source = getattr(parsed, "from")
    if sum(map(bool, (parsed.at, parsed.backup, source))) != 1:
        raise UsageError("Name one of AT=time (RFC 3339, with Z), BACKUP=arn and FROM=table.")
    stack = find(parsed)
    with aws_errors(f"Restoring a table of {stack.stack_name}"):
        dynamodb = stack.client("dynamodb")
        tables = stack.resources("AWS::DynamoDB::Table")
        table = tables[choose(tables, parsed.table, suffix="Table", variable="TABLE")]
        if not source:
            print(f"Restoring {table} into a new table …", flush=True)
            poll_seconds = 1 if stack.is_local else 20
            source = restore_beside(dynamodb, table, at=parsed.at, backup=parsed.backup, poll_seconds=poll_seconds)
        print(f"{copy(dynamodb, source, table)} items put back from {source}.", flush=True)
        if parsed.exact:
            print(f"{delete_others(dynamodb, source, table)} items deleted that it does not have.")
    print(f"Delete {source} when you no longer need it: it does not belong to the stack, and it costs money.")


def point_in_time(text: str) -> datetime:
    """Parse a time with an offset: one without would depend on this machine's time zone."""
    with contextlib.suppress(ValueError):
        at = datetime.fromisoformat(text)
        if at.tzinfo is not None:
            return at
    raise ValueError("a time such as 2026-11-23T06:00:00Z, with Z or another offset")


def restore_beside(dynamodb: Any, table: str, *, at: datetime | None, backup: str, poll_seconds: int) -> str:
    """Restore into a new table, wait for it, and return its name.

    Raises RunnerError if the backup is of another table.
    """
    target = f"{table[: MAX_NAME_LENGTH - 30]}-restored-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
    if backup:
        described = dynamodb.describe_backup(BackupArn=backup)["BackupDescription"]
        source = described["SourceTableDetails"]["TableName"]
        if source != table:
            raise RunnerError(f"That is a backup of {source}, not of {table}.")
        dynamodb.restore_table_from_backup(TargetTableName=target, BackupArn=backup)
    else:
        dynamodb.restore_table_to_point_in_time(SourceTableName=table, TargetTableName=target, RestoreDateTime=at)
    waiting = {"Delay": poll_seconds, "MaxAttempts": RESTORE_DEADLINE_S // poll_seconds}
    dynamodb.get_waiter("table_exists").wait(TableName=target, WaiterConfig=waiting)
    return target


def items_of(dynamodb: Any, table: str) -> Iterator[Item]:
    """Every item of a table."""
    for page in dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
        yield from page["Items"]


def write(dynamodb: Any, table: str, requests: Iterable[Item]) -> int:
    """Make puts and deletes, and return how many there are."""

    def send(chunk: Sequence[Item]) -> Sequence[Item]:
        refused: dict[str, list[Item]] = dynamodb.batch_write_item(RequestItems={table: chunk}).get(
            "UnprocessedItems", {}
        )
        return refused.get(table, [])

    count = 0
    for chunk in chunks(requests, max_entries=MAX_WRITES):
        try:
            deliver(chunk, send, attempts=ATTEMPTS)
        except DeliveryFailed:
            raise RunnerError(f"{table} goes on refusing items: continue with FROM= the restored table.") from None
        count += len(chunk)
    return count


def copy(dynamodb: Any, source: str, target: str) -> int:
    """Put every item of a table into another, and return how many there are."""
    return write(dynamodb, target, ({"PutRequest": {"Item": item}} for item in items_of(dynamodb, source)))


def delete_others(dynamodb: Any, source: str, target: str) -> int:
    """Delete the items of `target` that `source` does not have, and return how many there were."""
    names = [key["AttributeName"] for key in dynamodb.describe_table(TableName=target)["Table"]["KeySchema"]]

    def others() -> Iterator[Item]:
        for items in chunks(items_of(dynamodb, target), max_entries=MAX_READS):
            keys = [{name: item[name] for name in names} for item in items]
            found = [{name: item[name] for name in names} for item in existing(dynamodb, source, keys)]
            yield from (key for key in keys if key not in found)

    return write(dynamodb, target, ({"DeleteRequest": {"Key": key}} for key in others()))


def existing(dynamodb: Any, table: str, keys: Sequence[Item]) -> Iterator[Item]:
    """The items of a table with any of these keys."""
    left = {table: {"Keys": keys, "ConsistentRead": True}}
    while left:
        answer = dynamodb.batch_get_item(RequestItems=left)
        yield from answer["Responses"].get(table, [])
        left = answer.get("UnprocessedKeys", {})
