"""Run the emulator, and save its state while it runs.

ministack (1.5.33) saves its state only when it ends, one file after the other, and leaves out the changes of tables
that no mapping has read yet. Here a forked child writes the whole state as it is at one point in time, every few
seconds, while the emulator continues. Each save is a folder of its own with the hashes of its files, and the last
two are kept. So whenever the emulator is killed, the next one starts with a complete save.

It also makes the emulator do some things once that it would repeat, and poll what is independent in threads of its own.

The emulator's interpreter runs this file, so that it imports nothing of the runner. `main` ends with guard.py.
"""

import contextlib
import copy
import fcntl
import functools
import hashlib
import importlib
import json
import logging
import os
import re
import runpy
import shutil
import signal
import sys
import threading
import time
import traceback
from pathlib import Path
from types import FunctionType
from typing import Any

SAVE_EVERY_S = float(os.environ.get("SAVE_EVERY_SECONDS", "5"))
SAVE_SHARE = 10
"""A save that takes long is followed by a pause of this many times its duration."""
SAVE_DEADLINE_S = 120
KEPT_SAVES = 2
MANIFEST = "saved.json"
"""The files of a save, each with its size and hash; written last."""
ENDED = "ended"
"""The file that is touched when the emulator has saved its state for the last time."""
RECORDED_DEADLINE_S = 10.0
QUEUE_ADDRESS = re.compile(r"http://([^/\s\"']+)/\d{12}/")
"""The address in a queue's URL as the emulator saves it."""

log = logging.getLogger("saving")


def complete_saves(state: Path) -> list[Path]:
    """The saves in a folder, the newest first. Some may be damaged."""
    numbered = [each for each in state.iterdir() if each.name.isdecimal()] if state.exists() else []
    return sorted(numbered, key=lambda each: int(each.name), reverse=True)


def newest_save(state: Path) -> Path | None:
    """The newest save whose files are all as they were written; None if there is none."""
    return next(filter(is_intact, complete_saves(state)), None)


def is_intact(save: Path) -> bool:
    """Whether a save has its files as they were written."""
    try:
        listed = json.loads((save / MANIFEST).read_text(encoding="utf-8"))
        return all(digest(save / name) == expected for name, expected in listed.items())
    except (OSError, ValueError):
        return False


def digest(file: Path) -> str:
    """The hash of a file's content."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def new_draft(state: Path) -> Path:
    """An empty folder to write a save into."""
    draft = state / f"draft.{os.getpid()}"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    return draft


def complete(state: Path, draft: Path) -> Path:
    """Turn a draft with all its files into the newest save, and delete the saves before the last two.

    Everything is on the disk before the folder gets its name, so a power cut leaves the old save or the new one.
    """
    files = sorted(each for each in draft.rglob("*") if each.is_file() and each.name != MANIFEST)
    listed = {str(file.relative_to(draft)): digest(file) for file in files}
    (draft / MANIFEST).write_text(json.dumps(listed), encoding="utf-8")
    for file in draft.rglob("*"):
        flush(file)
    flush(draft)
    saves = complete_saves(state)
    save = state / str(int(saves[0].name) + 1 if saves else 1)
    draft.rename(save)
    flush(state)
    for old in saves[KEPT_SAVES - 1 :]:
        shutil.rmtree(old, ignore_errors=True)
    return save


def flush(path: Path) -> None:
    """Wait until a file or a folder's list of files is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def has_ended(state: Path, since: float) -> bool:
    """Whether an emulator has saved its state for the last time after a point in time."""
    try:
        return (state / ENDED).stat().st_mtime >= since
    except FileNotFoundError:
        return False


def prepare(state: Path) -> None:
    """Delete what interrupted saves have left; what an earlier version saved becomes a save."""
    for draft in state.glob("draft.*"):
        shutil.rmtree(draft, ignore_errors=True)
    former = [*state.glob("*.json"), *state.glob("lambda-blobs")]
    if former and not complete_saves(state):
        draft = new_draft(state)
        for each in former:
            each.rename(draft / each.name)
        forget_stream_positions(draft)
        complete(state, draft)


def forget_stream_positions(save: Path) -> None:
    """Make the mappings of tables' streams start with the first change: earlier versions did not save the streams."""
    file = save / "lambda.json"
    with contextlib.suppress(FileNotFoundError, ValueError, KeyError, TypeError):
        saved = json.loads(file.read_text(encoding="utf-8"))
        saved["payload"]["dynamodb_stream_positions"].clear()
        file.write_text(json.dumps(saved), encoding="utf-8")


def forget_unknown_buckets(objects: Path, save: Path | None) -> None:
    """Delete the objects of buckets that a save does not have: the emulator writes objects at once, buckets in saves.

    It would neither have such a bucket nor let anybody make it again.
    """
    known = (save / "s3.json").read_text(encoding="utf-8") if save and (save / "s3.json").exists() else ""
    for bucket in objects.glob("[0-9]*/*"):
        if f"'{bucket.name}'" not in known:
            shutil.rmtree(bucket)


def at_address(state: Path, save: Path, address: str) -> Path:
    """A save whose queues are at the address (`localhost:4566`) of the emulator that starts next.

    The emulator (1.5.33) saves queues by their whole URL and looks for a mapping's queue under its current address:
    on another port or address it would find no queue and deliver no message to any function.
    """
    queues = save / "sqs.json"
    former = set(QUEUE_ADDRESS.findall(queues.read_text(encoding="utf-8"))) - {address} if queues.exists() else set()
    if not former:
        return save
    draft = new_draft(state)
    shutil.copytree(save, draft, dirs_exist_ok=True)
    # Functions' variables and the stack's resources contain the URLs too.
    for file in draft.glob("*.json"):
        text = file.read_text(encoding="utf-8")
        for each in former:
            text = re.sub(rf"http://{re.escape(each)}(?=/\d{{12}}/)", f"http://{address}", text)
        file.write_text(text, encoding="utf-8")
    return complete(state, draft)


class Saver:
    """Saves the emulator's state. `app` is ministack's module, `lock` the file that `hold` has opened."""

    def __init__(self, app: Any, state: Path, lock: int) -> None:
        self.app = app
        self.state = state
        self.lock = lock
        self.child = 0
        self.calls = 0
        self.saved_calls = 0

    def is_deploying(self) -> bool:
        """Whether a stack is being deployed: a state with half a stack could not be used."""
        cloudformation = sys.modules.get("ministack.services.cloudformation")
        statuses = [each["StackStatus"] for each in cloudformation._stacks._data.values()] if cloudformation else []
        return any(each.endswith("_IN_PROGRESS") for each in statuses)

    def run(self) -> None:
        """Save whenever something has changed. Runs in a thread of its own until the process ends."""
        pause = SAVE_EVERY_S
        while True:
            time.sleep(pause)
            pause = min(1.0, SAVE_EVERY_S)  # until there is something to save
            loop = self.app._MAIN_LOOP
            if loop is None or self.calls == self.saved_calls:
                continue
            # In the event loop's thread, where requests are handled, so none is half done.
            began, done = time.monotonic(), threading.Event()
            loop.call_soon_threadsafe(self.fork, done)
            done.wait()
            if self.child and self.wait():
                pause = max(SAVE_EVERY_S, SAVE_SHARE * (time.monotonic() - began))

    def fork(self, done: threading.Event) -> None:
        """Fork a child that saves, unless a stack is being deployed."""
        try:
            if self.is_deploying():
                return
            calls = self.calls
            self.child = os.fork()
            if self.child == 0:
                self.save_and_exit()
            self.saved_calls = calls
        finally:
            done.set()

    def save_and_exit(self) -> None:
        """In the child: save, and end without any of the parent's cleaning up."""
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            # The port and the workers' pipes end with the emulator. The lock is held until the child has saved.
            os.closerange(3, self.lock)
            os.closerange(self.lock + 1, os.sysconf("SC_OPEN_MAX"))
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)
            signal.alarm(SAVE_DEADLINE_S)  # a lock that another thread held stays held here
            logging.disable()
            self.save()
            code = 0
        except BaseException:  # noqa: BLE001 - nothing of the parent's may run in the child
            os.write(sys.stderr.fileno(), traceback.format_exc().encode())
        finally:
            os._exit(code)

    def wait(self) -> bool:
        """Wait for the child, and return whether it has saved."""
        child, self.child = self.child, 0
        _, status = os.waitpid(child, 0)
        if status != 0:
            self.saved_calls = 0
            log.error("The state was not saved (%s). The next attempt follows.", status)
        return status == 0

    def save(self) -> None:
        """Save everything. Only a process that ends afterwards may call this: it drops what has been read."""
        self.drop_read_changes()
        draft = new_draft(self.state)
        services = self.app._build_persistence_save_dict()
        self.app._get_module("lambda_svc").CODE_BLOB_DIR = str(draft / "lambda-blobs")
        persistence: Any = sys.modules["ministack.core.persistence"]
        persistence.STATE_DIR = str(draft)
        copy.deepcopy = lambda value, *_: value  # nothing changes any more
        for name, get_state in services.items():
            state = get_state()
            if state is not None:
                content = {"__ministack_format__": persistence._state_format_version(name), "payload": state}
                text = json.dumps(content, default=persistence._json_default)
                (draft / f"{name}.json").write_text(text, encoding="utf-8")
        complete(self.state, draft)

    def drop_read_changes(self) -> None:
        """Drop the changes of tables that every mapping has read, so that a save does not grow with them."""
        dynamodb, functions = self.app._get_module("dynamodb"), self.app._get_module("lambda_svc")
        positions: dict[str, list[int]] = {}
        for key, mapping in functions._esms._data.items():
            position = functions._dynamodb_stream_positions._data.get(key, 0)
            positions.setdefault(mapping.get("EventSourceArn", ""), []).append(position)
        for key, records in dynamodb._stream_records._data.items():
            arn = dynamodb._tables._data.get(key, {}).get("LatestStreamArn")
            trimmed = dynamodb._stream_trimmed._data.get(key, 0)
            read = min(positions.get(arn, [trimmed + len(records)])) - trimmed
            if read > 0:
                del records[:read]
                dynamodb._stream_trimmed._data[key] = trimmed + read

    def save_last(self, _services: object) -> None:
        """Save when the emulator ends. Replaces ministack's own function."""
        if self.child:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.child, signal.SIGKILL)
        if not self.is_deploying():
            self.save()
        (self.state / ENDED).touch()


def keep_unread_changes(dynamodb: Any) -> None:
    """Make the tables' saved state include the changes that mappings have not read yet."""
    get_state, load_state = dynamodb.get_state, dynamodb.load_persisted_state

    def get_all() -> dict[str, Any]:
        return {
            **get_state(),
            "stream_records": dynamodb._stream_records,
            "stream_trimmed": dynamodb._stream_trimmed,
        }

    def load_all(state: dict[str, Any]) -> None:
        load_state(state)
        # The number of dropped changes first: mappings are polled already.
        for name in ("stream_trimmed", "stream_records"):
            if name in state:
                getattr(dynamodb, f"_{name}")._data.update(state[name]._data)

    dynamodb.get_state, dynamodb.load_persisted_state = get_all, load_all


def parse_conditions_once(dynamodb: Any) -> None:
    """Make the emulator parse each condition once, and not once for every item that it is evaluated for.

    Both are functions of their text. A query evaluates its key condition for every item of its partition.
    """
    dynamodb._condition_syntax_error = functools.lru_cache(1024)(dynamodb._condition_syntax_error)
    tokens = functools.lru_cache(1024)(dynamodb._tokenize)
    dynamodb._tokenize = lambda expression: list(tokens(expression))


def check_permissions_once(actions: Any) -> None:
    """Make the emulator check each permission of a transaction once, and not once for every item.

    Whether a request may do something to a table depends on the request, the action and the table alone.
    """
    checks = actions.dynamodb_transaction_checks
    actions.dynamodb_transaction_checks = lambda *request: list(dict.fromkeys(checks(*request)))


def poll_apart(functions: Any) -> None:
    """Make the emulator poll queues, streams and tables in a thread each, as AWS does.

    In its one thread, each waits until the functions of all others have returned.
    """
    sources = ("_poll_sqs", "_poll_kinesis", "_poll_dynamodb_streams")
    wakes = {source: threading.Event() for source in sources}
    loop, variables = functions._poll_loop.__code__, vars(functions).copy()

    def start() -> None:
        for source, wake in wakes.items():
            own = {**variables, **dict.fromkeys(sources, bool), source: variables[source], "_esm_wake": wake}
            threading.Thread(target=FunctionType(loop, own), name=source, daemon=True).start()

    def wake_all() -> None:
        for wake in wakes.values():
            wake.set()

    functions._poll_loop, functions._esm_wake.set = start, wake_all


def wait_until_recorded(process: Path) -> None:
    """Return once the runner has recorded this process. Ends it if the runner was killed before."""
    end = time.monotonic() + RECORDED_DEADLINE_S
    while time.monotonic() < end:
        with contextlib.suppress(OSError, ValueError):
            if json.loads(process.read_text(encoding="utf-8"))["pid"] == os.getpid():
                return
        time.sleep(0.01)
    sys.exit("Nothing has recorded this process.")


def hold(lock: Path) -> int:
    """Hold the lock of the state. A child that still saves for a killed emulator holds it too: wait for it."""
    handle = os.open(lock, os.O_CREAT | os.O_RDWR, 0o600)
    end = time.monotonic() + SAVE_DEADLINE_S
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                sys.exit("Another emulator uses this state.")
            time.sleep(0.05)
        else:
            return handle


def main() -> None:
    """Run the emulator behind its guard.

    `STATE_DIR` is the folder of saves, `PROCESS_FILE` the runner's record of this process, `QUEUE_ADDRESS` the address
    in the URLs of queues.
    """
    state = Path(os.environ["STATE_DIR"])
    wait_until_recorded(Path(os.environ.pop("PROCESS_FILE")))
    lock = hold(state / "lock")
    prepare(state)
    save = newest_save(state)
    if save is None and complete_saves(state):
        log.error("No save in %s is intact: the system starts without data.", state)
    forget_unknown_buckets(Path(os.environ["S3_DATA_DIR"]), save)
    address = os.environ.pop("QUEUE_ADDRESS")
    os.environ["STATE_DIR"] = str(at_address(state, save, address) if save else state / "none")
    from ministack import app

    parse_conditions_once(app._get_module("dynamodb"))
    check_permissions_once(importlib.import_module("ministack.core.iam_actions"))
    poll_apart(app._get_module("lambda_svc"))
    runpy.run_path(str(Path(__file__).with_name("workers.py")))["share"](
        importlib.import_module("ministack.core.lambda_runtime")
    )
    if app.PERSIST_STATE:
        saver = Saver(app, state, lock)
        keep_unread_changes(app._get_module("dynamodb"))
        handle = app.app

        async def counted(*arguments: Any) -> None:
            saver.calls += 1
            await handle(*arguments)

        app.app, app.save_all = counted, saver.save_last
        threading.Thread(target=saver.run, name="saver", daemon=True).start()
    runpy.run_path(str(Path(__file__).with_name("guard.py")), run_name="__main__")


if __name__ == "__main__":
    main()
