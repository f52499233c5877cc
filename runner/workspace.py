"""The runner's files: one folder for each running system, one for the builds that they share."""

import contextlib
import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from runner.errors import RunnerError
from runner.waiting import wait_until

PROJECT_ROOT = Path(__file__).resolve().parent.parent
LOCAL_FOLDER = PROJECT_ROOT / ".local"
BUILDS_FOLDER = LOCAL_FOLDER / "builds"


DATA_LAYOUT = "4"
"""The layout of the tables' keys and items. Local data of another one is not carried over."""


class Workspace:
    """The files of one running system, all in the folder `home`."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.state = home / "state"  # the emulator's saves: `runner.local.saving`
        self.objects = home / "s3"  # the emulator's S3 objects
        self.layout = home / "layout"  # the `DATA_LAYOUT` of that data
        self.scratch = home / "tmp"  # its workers' unpacked functions and layers; emptied on each start
        self.cli = home / "sam"  # the SAM CLI's own settings, kept out of the user's home
        self.credentials = home / "credentials"  # of the emulator's root account, for its owner's eyes only
        self.process = home / "emulator.json"  # the emulator's process, port and address
        self.log = home / "emulator.log"  # the emulator's log, which includes the functions' lines
        self.deploy_log = home / "deploy.log"  # the output of the last deployment
        self.layers = home / "layers"  # the deployed layers, from which all workers import
        self.references = home / "references"  # what the emulator gets as layers: references to those
        self.template = home / "template.yaml"  # the template that was deployed last
        self.deployment = home / "deployment.json"  # the sources and parameters of the last deployment
        self.sam_local = home / "sam-local"  # SAM's files for functions in containers; only while the system runs
        self.stack = home / "stack.json"  # the running system's description: `runner.stack.Stack`

    def prepare(self) -> None:
        """Make the folders, and keep SAM from looking for a newer version of itself.

        Raises RunnerError if they cannot be written.
        """
        try:
            for folder in (self.home, self.state, self.objects, self.scratch, self.cli, self.layers):
                folder.mkdir(parents=True, exist_ok=True)
                if not os.access(folder, os.W_OK | os.X_OK):
                    raise RunnerError(f"Cannot write to {folder}: it belongs to another user or is read-only.")
            settings = {"telemetryEnabled": False, "lastVersionCheck": time.time()}
            (self.cli / "metadata.json").write_text(json.dumps(settings), encoding="utf-8")
        except OSError as error:
            raise RunnerError(f"Cannot make {error.filename or self.home}: {error.strerror}.") from error

    def check_layout(self) -> None:
        """Raise RunnerError if the saved data has another layout than the functions expect."""
        layout = self.layout.read_text(encoding="utf-8") if self.layout.exists() else None
        if layout != DATA_LAYOUT and any(self.state.iterdir()):
            raise RunnerError(
                "The local data is of an older version, which this one cannot read. make reset deletes it."
            )
        self.layout.write_text(DATA_LAYOUT, encoding="utf-8")

    def empty_scratch(self) -> None:
        """Delete what killed workers have left in the scratch folder."""
        shutil.rmtree(self.scratch, ignore_errors=True)
        self.scratch.mkdir(parents=True, exist_ok=True)

    def erase(self) -> None:
        """Delete the data of a stopped system. Builds and logs stay."""
        try:
            for folder in (self.state, self.objects, self.scratch, self.layers, self.references, self.sam_local):
                if folder.exists():
                    shutil.rmtree(folder)
            for file in (self.stack, self.deployment, self.template, self.process):
                file.unlink(missing_ok=True)
        except OSError as error:
            raise RunnerError(f"Cannot delete {error.filename}: {error.strerror}.") from error


def require_disk_space(*needs: tuple[Path, int]) -> None:
    """Check the free disk space of folders, which may be on one disk: how many MB each needs.

    Raises RunnerError, with what is free, needed and can be deleted, if there is too little.
    """
    disks: dict[int, list[tuple[Path, int]]] = {}
    for folder, megabytes in needs:
        disks.setdefault(folder.stat().st_dev, []).append((folder, megabytes))
    for of_disk in disks.values():
        free = shutil.disk_usage(of_disk[0][0]).free // 1_000_000
        needed = sum(megabytes for _, megabytes in of_disk)
        if free < needed:
            parts = " and ".join(f"{megabytes} MB in {folder}" for folder, megabytes in of_disk)
            raise RunnerError(
                f"Too little disk space: {needed} MB are needed and {free} MB are free ({parts}). "
                f"You can delete {BUILDS_FOLDER}; make reset deletes the local data."
            )


@contextlib.contextmanager
def exclusive(lock: Path, deadline_s: float, busy: str) -> Iterator[int]:
    """Hold a lock file, which other processes of the runner respect. It is free as soon as the process ends.

    Yields the file's descriptor. A process that inherits it holds the lock too, even if this one is killed.

    Raises RunnerError(busy) if another process still holds it after `deadline_s` seconds.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as handle:
        wait_until(lambda: _lock(handle), deadline_s, busy)
        yield handle.fileno()


def _lock(handle: IO[str]) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def write_whole(file: Path, text: str) -> None:
    """Replace a file's text at once: a reader sees the old or the new text, never a part."""
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    draft.write_text(text, encoding="utf-8")
    draft.replace(file)
