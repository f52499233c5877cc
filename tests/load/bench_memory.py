"""The memory and disk space of the whole local system with every function warm.

``make bench-memory`` prints a table. It starts its own system, calls every function once with its sample event (the
deployment calls those of custom resources), and adds up the processes' proportional set sizes, which count a shared
page once. Linux only.
"""

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

from runner.local import emulator
from runner.local.system import running_stack
from runner.stack import Stack
from runner.workspace import Workspace
from tests.integration.client import Client
from tests.world.template import ROOT, resources, sample_name


def call_every_function(stack: Stack) -> int:
    """Call each function once as an admin, except those that the deployment calls. Return the number of functions."""
    with Client(stack.base_url) as client:
        client.log_in("admin", stack.users["admin"])
        token = str(client.headers["Authorization"]).removeprefix("Bearer ")
    pages = stack.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack.stack_name)
    names = {
        each["LogicalResourceId"]: each["PhysicalResourceId"] for p in pages for each in p["StackResourceSummaries"]
    }
    functions = resources("AWS::Serverless::Function")
    for logical_id in functions:
        if not logical_id.startswith("Provision"):
            event = Path(ROOT, "events", f"{sample_name(logical_id)}.json").read_text(encoding="utf-8")
            event = event.replace("ACCESS_TOKEN", token)
            stack.client("lambda").invoke(FunctionName=names[logical_id], Payload=event.encode())
    return len(functions)


def process_tree(pid: int) -> Iterator[int]:
    """Yield the ids of a process and its descendants."""
    yield pid
    for children in Path("/proc", str(pid), "task").glob("*/children"):
        for child in children.read_text().split():
            yield from process_tree(int(child))


def megabytes(pid: int) -> float:
    """Return the proportional set size of a process, in MB."""
    rollup = Path("/proc", str(pid), "smaps_rollup").read_text()
    found = re.search(r"^Pss:\s+(\d+) kB$", rollup, re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0


def disk_megabytes(folder: Path) -> float:
    """Return the disk space of a folder, in MB, with files that have several names counted once."""
    found = map(Path.lstat, folder.rglob("*"))
    files = {(each.st_dev, each.st_ino): each.st_blocks for each in found}
    return sum(files.values()) * 512 / 1_000_000


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder, running_stack(Path(folder)) as stack:
        functions = call_every_function(stack)
        running = emulator.running(Workspace(Path(folder)))
        if running is None:
            raise SystemExit("the emulator has ended")
        size = disk_megabytes(Path(folder))
        of_emulator, *of_workers = [megabytes(pid) for pid in process_tree(running.identity.pid)]
    table = Table("what", "processes", "MB", title="Memory with every function warm")
    table.add_row("the emulator", "1", f"{of_emulator:.0f}")
    table.add_row(f"the {functions} functions", str(len(of_workers)), f"{sum(of_workers):.0f}")
    table.add_row("all", str(1 + len(of_workers)), f"{of_emulator + sum(of_workers):.0f}")
    Console(width=80).print(table)
    Console(width=80).print(f"Its folder takes {size:.0f} MB of disk.")


if __name__ == "__main__":
    main()
