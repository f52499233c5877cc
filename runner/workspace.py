"""Where the runner keeps things: one folder for a running system, one for the builds that all of them share."""

import contextlib
import fcntl
import json
import os
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from runner.errors import RunnerError

PROJECT_ROOT = Path(__file__).resolve().parent.parent
LOCAL_FOLDER = PROJECT_ROOT / ".local"
BUILDS_FOLDER = LOCAL_FOLDER / "builds"

NEEDED_BYTES = 500_000_000
"""Disk space below which nothing is started: a build, the emulator's state and its workers' unpacked layers."""

QUEUE_ADDRESS = re.compile(r"http://([^/\s\"']+)/\d{12}/")
"""The address in a queue's URL as the emulator saves it."""

SETTLED_AFTER_S = 4.0
"""The emulator writes a file a service, one right after the other."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """The files of one running system, all below `home`."""

    home: Path

    @property
    def state(self) -> Path:
        """The emulator's saved state, a file a service."""
        return self.home / "state"

    @property
    def objects(self) -> Path:
        """The emulator's S3 objects."""
        return self.home / "s3"

    @property
    def scratch(self) -> Path:
        """Where the emulator's workers unpack functions and layers; emptied at each start."""
        return self.home / "tmp"

    @property
    def log(self) -> Path:
        """The emulator's log with the functions' own lines in it."""
        return self.home / "emulator.log"

    @property
    def deploy_log(self) -> Path:
        """What the last deployment printed."""
        return self.home / "deploy.log"

    @property
    def process(self) -> Path:
        """Which process the emulator is."""
        return self.home / "emulator.json"

    @property
    def stack(self) -> Path:
        """What tests, tools and people read: `runner.stack.Stack`."""
        return self.home / "stack.json"

    @property
    def deployment(self) -> Path:
        """What was deployed last, to know whether to do it again."""
        return self.home / "deployment.json"

    @property
    def cli(self) -> Path:
        """The SAM CLI's own settings, kept out of the user's home."""
        return self.home / "sam"

    def prepare(self) -> None:
        """Make the folders.

        Raises RunnerError where they cannot be written or the disk is nearly full.
        """
        try:
            for folder in (self.home, self.state, self.objects, self.scratch, self.cli):
                folder.mkdir(parents=True, exist_ok=True)
                if not os.access(folder, os.W_OK | os.X_OK):
                    raise RunnerError(f"Cannot write to {folder}: it belongs to another user or is read-only.")
            free = shutil.disk_usage(self.home).free
        except OSError as error:
            raise RunnerError(f"Cannot make {error.filename or self.home}: {error.strerror}.") from error
        if free < NEEDED_BYTES:
            raise RunnerError(
                f"Too little disk space for {self.home}: "
                f"{free // 1_000_000} MB free, {NEEDED_BYTES // 1_000_000} needed."
            )

    def state_is_saved(self, since: float) -> bool:
        """Whether the emulator has written its state after a point in time and has not gone on for a while."""
        newest = 0.0
        for file in self.state.iterdir():
            if file.suffix == ".tmp":
                return False
            with contextlib.suppress(FileNotFoundError):
                newest = max(newest, file.stat().st_mtime)
        return since <= newest < time.time() - SETTLED_AFTER_S

    def forget_stream_positions(self) -> None:
        """Have the mappings of tables' streams begin with the first change after a start.

        The emulator (1.5.33) saves how many changes each mapping has read of a table's stream, and not the stream:
        after a start the stream is empty, and a mapping would pass over as many changes as it had read before.
        """
        file = self.state / "lambda.json"
        try:
            saved = json.loads(file.read_text(encoding="utf-8"))
            positions = saved["payload"]["dynamodb_stream_positions"]
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return  # nothing was saved, or the emulator itself will say what is wrong with it
        if positions:
            saved["payload"]["dynamodb_stream_positions"] = {}
            write_whole(file, json.dumps(saved))

    def move_queues(self, address: str) -> None:
        """Have saved queues be at the address (`localhost:4566`) of the emulator that starts next.

        The emulator (1.5.33) keeps queues under their whole URL and looks for a mapping's queue under its address of
        now: at another port or address it would find none, and hand no message to any function.
        """
        queues = self.state / "sqs.json"
        try:
            former = set(QUEUE_ADDRESS.findall(queues.read_text(encoding="utf-8"))) - {address}
        except FileNotFoundError:
            return
        # Functions' variables and the stack's resources have the URLs too.
        for file in self.state.glob("*.json") if former else ():
            text = moved = file.read_text(encoding="utf-8")
            for each in former:
                moved = re.sub(rf"http://{re.escape(each)}(?=/\d{{12}}/)", f"http://{address}", moved)
            if moved != text:
                write_whole(file, moved)

    def scratch_anew(self) -> None:
        """Empty the scratch folder of what killed workers have left there."""
        shutil.rmtree(self.scratch, ignore_errors=True)
        self.scratch.mkdir(parents=True, exist_ok=True)

    def erase(self) -> None:
        """Delete the data of a stopped system and what was deployed. The builds and logs stay.

        Raises RunnerError where a file cannot be deleted.
        """
        try:
            for folder in (self.state, self.objects, self.scratch):
                if folder.exists():
                    shutil.rmtree(folder)
            for file in (self.stack, self.deployment, self.process):
                file.unlink(missing_ok=True)
        except OSError as error:
            raise RunnerError(f"Cannot delete {error.filename}: {error.strerror}.") from error


@contextlib.contextmanager
def exclusive(lock: Path, deadline_s: float, busy: str) -> Iterator[None]:
    """Hold a lock file among the runner's processes; it goes with the process, however that ends.

    Raises RunnerError(busy) where another process still holds it after `deadline_s` seconds.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    end = time.monotonic() + deadline_s
    with lock.open("w") as handle:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= end:
                    raise RunnerError(busy) from None
                time.sleep(0.1)
        yield


def write_whole(file: Path, text: str) -> None:
    """Put `text` in the place of a file: a reader finds the old or the new, never a half."""
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    draft.write_text(text, encoding="utf-8")
    draft.replace(file)
