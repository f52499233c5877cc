"""Put a table's items back: `make restore TABLE=Users AT=2026-11-23T06:00:00Z`, or BACKUP=arn of an on-demand backup.

FROM=name uses a table that is restored already.

DynamoDB restores into a new table only. The stack keeps its own table, with its stream, indexes and permissions: the
new table is restored beside it, and its items are put into the stack's. A changed item gets its former value, a deleted
one comes back. With EXACT=yes, items that the restored table does not have are deleted too. A put of an identical item
leaves no record on the table's stream, so unchanged items are not counted or published again.
"""

import argparse
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from runner import arguments
from runner.errors import RunnerError, UsageError
from runner.stack import aws_errors, choose, find

MAX_WRITES, MAX_READS = 25, 100
"""Of one call of BatchWriteItem and of BatchGetItem."""

ATTEMPTS = 10
RESTORE_DEADLINE_S = 12 * 3600
MAX_NAME_LENGTH = 255

Item = dict[str, Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    arguments.add(parser, "table", "TABLE", "its name in template.yaml, without Table")
    arguments.add(parser, "--at", "AT", "restore to this time, by point-in-time recovery", point_in_time)
    arguments.add(parser, "--backup", "BACKUP", "the ARN of an on-demand backup")
    arguments.add(parser, "--from", "FROM", "a table that is restored already")
    arguments.add_flag(parser, "--exact", "EXACT", "also delete items that are newer")
    arguments.add_stack(parser)


def run(parsed: argparse.Namespace) -> None:
    """Restore a table beside the stack's, and put its items into the stack's.

    Raises RunnerError if it cannot be done.
    """
    source = getattr(parsed, "from")
    if sum(map(bool, (parsed.at, parsed.backup, source))) != 1:
        raise UsageError("Name one of AT=time (RFC 3339, with Z), BACKUP=arn and FROM=table.")
    stack = find(parsed)
    with aws_errors(f"Restoring a table of {stack.stack_name}"):
        dynamodb = stack.client("dynamodb")
        table = physical_name(stack.resources("AWS::DynamoDB::Table"), parsed.table)
        if not source:
            print(f"Restoring {table} beside it …", flush=True)
            poll_seconds = 1 if stack.is_local else 20
            source = restore_beside(dynamodb, table, at=parsed.at, backup=parsed.backup, poll_seconds=poll_seconds)
        print(f"{copy(dynamodb, source, table)} items put back from {source}.", flush=True)
        if parsed.exact:
            print(f"{delete_others(dynamodb, source, table)} items deleted that it does not have.")
    print(f"Delete {source} when you no longer need it: it does not belong to the stack, and it costs money.")


def point_in_time(text: str) -> datetime | None:
    """A time with an offset; an empty text is None.

    Raises UsageError for anything else: a time without an offset would depend on this machine's time zone.
    """
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"AT is a time such as 2026-11-23T06:00:00Z: {error}") from None
    if at.tzinfo is None:
        raise UsageError(f"AT={text} has no offset: end it with Z for UTC.")
    return at


def physical_name(tables: Mapping[str, str], name: str) -> str:
    """The name of the table that the user calls `Users` or `UsersTable`, in any letter case.

    Raises UsageError, with all names, if there is none.
    """
    return tables[choose(tables, name, suffix="Table", variable="TABLE")]


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


def items_of(dynamodb: Any, table: str) -> Iterator[list[Item]]:
    """Every item of a table, page by page."""
    for page in dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
        yield page["Items"]


def write(dynamodb: Any, table: str, requests: Sequence[Item]) -> None:
    """Make all of these puts and deletes.

    Raises RunnerError if the table keeps refusing some.
    """
    for first in range(0, len(requests), MAX_WRITES):
        left = {table: list(requests[first : first + MAX_WRITES])}
        for attempt in range(ATTEMPTS):
            time.sleep((2**attempt - 1) / 10)
            left = dynamodb.batch_write_item(RequestItems=left).get("UnprocessedItems", {})
            if not left:
                break
        else:
            raise RunnerError(f"{table} goes on refusing items: continue with FROM= the restored table.")


def key_names(dynamodb: Any, table: str) -> list[str]:
    """The attributes of a table's key."""
    return [key["AttributeName"] for key in dynamodb.describe_table(TableName=table)["Table"]["KeySchema"]]


def copy(dynamodb: Any, source: str, target: str) -> int:
    """Put every item of a table into another, and return how many there are."""
    count = 0
    for items in items_of(dynamodb, source):
        write(dynamodb, target, [{"PutRequest": {"Item": item}} for item in items])
        count += len(items)
    return count


def delete_others(dynamodb: Any, source: str, target: str) -> int:
    """Delete the items of `target` that `source` does not have, and return how many there were."""
    names = key_names(dynamodb, target)
    count = 0
    for items in items_of(dynamodb, target):
        keys = [{name: item[name] for name in names} for item in items]
        for first in range(0, len(keys), MAX_READS):
            part = keys[first : first + MAX_READS]
            found = existing(dynamodb, source, part, names)
            others = [{"DeleteRequest": {"Key": key}} for key in part if key not in found]
            write(dynamodb, target, others)
            count += len(others)
    return count


def existing(dynamodb: Any, table: str, keys: Sequence[Item], names: Sequence[str]) -> list[Item]:
    """Those of these keys that a table has."""
    placeholders = {f"#{number}": name for number, name in enumerate(names)}
    left: dict[str, Any] = {
        table: {
            "Keys": list(keys),
            "ConsistentRead": True,
            "ProjectionExpression": ", ".join(placeholders),
            "ExpressionAttributeNames": placeholders,
        }
    }
    found: list[Item] = []
    while left:
        answer = dynamodb.batch_get_item(RequestItems=left)
        found += answer["Responses"].get(table, [])
        left = answer.get("UnprocessedKeys", {})
    return found
