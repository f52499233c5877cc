"""The processes in which the emulator under test runs functions, found as Linux shows them."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from runner.stack import Stack

needs_linux = pytest.mark.skipif(
    not Path("/proc/net/tcp").exists(), reason="finds the emulator's processes as Linux shows them"
)


def emulators(stack: Stack) -> set[int]:
    """The processes that listen on the port of the deployment's emulator."""
    return set(_listeners(urlsplit(stack.endpoint_url).port or 80))


def workers(function: str, of: set[int]) -> Iterator[int]:
    """The workers of a function (its logical id), each of which runs in the function's folder, of these emulators."""
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError):
            pid = int(folder.name)
            if f"-{function}-" in str((folder / "cwd").readlink()) and _parent(_parent(pid)) in of:
                yield pid


def _listeners(port: int) -> Iterator[int]:
    listening = {
        fields[9]
        for fields in map(str.split, Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:])
        if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port
    }
    for folder in Path("/proc").glob("[0-9]*/fd"):
        with contextlib.suppress(OSError):
            if listening & {str(link.readlink())[8:-1] for link in folder.iterdir()}:
                yield int(folder.parent.name)


def _parent(pid: int) -> int:
    return int(Path("/proc", str(pid), "stat").read_text(encoding="ascii").rpartition(")")[2].split()[1])
