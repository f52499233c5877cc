"""Bring a table's items back: `make restore TABLE=Users AT=2026-11-23T06:00:00Z`, or BACKUP=arn of an on-demand backup.

FROM=name takes a table that has been restored already.

DynamoDB restores into a new table only. So that the stack keeps its own, with its stream, indexes and permissions, the
new table is restored beside it and its items are put into the stack's: a changed item is set back, a deleted one comes
back. With EXACT=yes, items that the restored table does not have are deleted too. A put of an item that is the same
leaves no record on the table's stream, so what did not change is not counted or told of again.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from runner.deployed import STACK_FILE, add_arguments, find
from runner.errors import RunnerError, exit_code
from runner.local.deployment import aws_errors_as_runner_errors

SUFFIX = "Table"
MOST_WRITES, MOST_READS = 25, 100
"""What BatchWriteItem and BatchGetItem take."""

ATTEMPTS = 10
RESTORE_DEADLINE_S = 12 * 3600
LONGEST_NAME = 255

Item = dict[str, Any]


def physical_name(tables: Mapping[str, str], name: str) -> str:
    """The table that is called `Users` or `UsersTable`, whatever the letter case.

    Raises RunnerError, with the names of all, where there is none.
    """
    known = {each.removesuffix(SUFFIX).lower(): each for each in tables}
    wanted = name.lower().removesuffix(SUFFIX.lower())
    if wanted not in known:
        names = ", ".join(sorted(each.removesuffix(SUFFIX) for each in tables))
        raise RunnerError(f"TABLE is one of {names}, not {name or 'empty'}.")
    return tables[known[wanted]]


def restore_beside(dynamodb: Any, table: str, *, at: datetime | None, backup: str, poll_seconds: int) -> str:
    """Restore into a new table, and wait for it; its name.

    Raises RunnerError where the backup is another table's.
    """
    target = f"{table[: LONGEST_NAME - 30]}-restored-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
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

    Raises RunnerError where the table goes on refusing some.
    """
    for first in range(0, len(requests), MOST_WRITES):
        left = {table: list(requests[first : first + MOST_WRITES])}
        for attempt in range(ATTEMPTS):
            time.sleep((2**attempt - 1) / 10)
            left = dynamodb.batch_write_item(RequestItems=left).get("UnprocessedItems", {})
            if not left:
                break
        else:
            raise RunnerError(f"{table} goes on refusing items: go on with FROM= the restored table.")


def key_names(dynamodb: Any, table: str) -> list[str]:
    """The attributes of a table's key."""
    return [key["AttributeName"] for key in dynamodb.describe_table(TableName=table)["Table"]["KeySchema"]]


def copy(dynamodb: Any, source: str, target: str) -> int:
    """Put every item of a table into another; how many."""
    count = 0
    for items in items_of(dynamodb, source):
        write(dynamodb, target, [{"PutRequest": {"Item": item}} for item in items])
        count += len(items)
    return count


def delete_others(dynamodb: Any, source: str, target: str) -> int:
    """Delete the items of `target` that `source` does not have; how many."""
    names = key_names(dynamodb, target)
    count = 0
    for items in items_of(dynamodb, target):
        keys = [{name: item[name] for name in names} for item in items]
        for first in range(0, len(keys), MOST_READS):
            part = keys[first : first + MOST_READS]
            held = existing(dynamodb, source, part, names)
            others = [{"DeleteRequest": {"Key": key}} for key in part if key not in held]
            write(dynamodb, target, others)
            count += len(others)
    return count


def existing(dynamodb: Any, table: str, keys: Sequence[Item], names: Sequence[str]) -> list[Item]:
    """Which of these keys a table has."""
    placeholders = {f"#{number}": name for number, name in enumerate(names)}
    asked: dict[str, Any] = {
        table: {
            "Keys": list(keys),
            "ConsistentRead": True,
            "ProjectionExpression": ", ".join(placeholders),
            "ExpressionAttributeNames": placeholders,
        }
    }
    found: list[Item] = []
    while asked:
        answer = dynamodb.batch_get_item(RequestItems=asked)
        found += answer["Responses"].get(table, [])
        asked = answer.get("UnprocessedKeys", {})
    return found


def run(parsed: argparse.Namespace, file: Path = STACK_FILE) -> None:
    """Do what the command line asks for.

    Raises RunnerError where it cannot be done.
    """
    if sum(map(bool, (parsed.at, parsed.backup, parsed.source))) != 1:
        raise RunnerError("Name one of AT=time (RFC 3339, with Z), BACKUP=arn and FROM=table.")
    deployed = find(parsed.stack, parsed.region, file)
    with aws_errors_as_runner_errors(f"Restoring a table of {deployed.name}"):
        dynamodb = deployed.client("dynamodb")
        table = physical_name(deployed.resources("AWS::DynamoDB::Table"), parsed.table)
        restored = parsed.source
        if not restored:
            print(f"Restoring {table} beside it …", flush=True)
            poll_seconds = 1 if deployed.is_local else 20
            restored = restore_beside(dynamodb, table, at=parsed.at, backup=parsed.backup, poll_seconds=poll_seconds)
        print(f"{copy(dynamodb, restored, table)} items put back from {restored}.", flush=True)
        if parsed.exact:
            print(f"{delete_others(dynamodb, restored, table)} items deleted that it does not have.")
    print(f"Delete {restored} when you no longer need it: it is not the stack's, and it costs.")


def point_in_time(text: str) -> datetime | None:
    """A time with an offset; None for none.

    Raises ArgumentTypeError for anything else: without an offset it would be this machine's.
    """
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if at.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text} has no offset: end it with Z for UTC")
    return at


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="make restore", description=(__doc__ or "").partition("\n\n")[2])
    parser.add_argument("table", help="its name in template.yaml, without Table")
    parser.add_argument("--at", type=point_in_time, default="", help="point-in-time recovery to this time")
    parser.add_argument("--backup", default="", help="an on-demand backup's ARN")
    parser.add_argument("--from", dest="source", default="", help="a table that has been restored already")
    parser.add_argument("--exact", action="store_true", help="delete items that are newer than that, too")
    add_arguments(parser)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and do it; 1 with a line on standard error where it fails."""
    parsed = parse(arguments)
    return exit_code(lambda: run(parsed))


if __name__ == "__main__":
    sys.exit(main())
