"""Fork the functions' workers from one process that has imported the libraries of their layers.

The emulator starts an interpreter for each worker, and each would import the same libraries into memory of its own:
some 30 MB. A forked worker shares what its parent has imported until one of them changes it, and starts sooner. The
parent imports libraries only: everything that depends on a function's environment is imported in its own worker.

The emulator's interpreter runs this file, so that it imports nothing of the runner. `saving.py` calls `share`; run as a
program, it is the parent. It needs process descriptors (Linux); elsewhere each worker starts on its own, as before.
"""

import contextlib
import functools
import gc
import importlib
import json
import os
import runpy
import select
import signal
import site
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any

LIBRARIES = (
    "aws_lambda_powertools.event_handler.middlewares.openapi_validation",
    "aws_lambda_powertools.logging",
    "aws_lambda_powertools.metrics",
    "cryptography.hazmat.primitives.asymmetric.ed25519",
    "jwt",
    "pydantic.root_model",
    "pynamodb.transactions",
    "ulid",
    "unicodedata",
)
"""What most functions import, besides botocore. Those that a layer does not have are left to the functions."""

LAYERS_VARIABLE = "_LAMBDA_LAYERS_DIRS"
"""The variable with the folders of a worker's layers."""
MAX_REQUEST = 200_000
STREAMS = 3


def share(runtime: Any) -> None:
    """Make the emulator's module of workers fork those of functions with shared layers."""
    if hasattr(os, "pidfd_open"):
        nursery = Nursery()
        runtime.subprocess = SimpleNamespace(**{**vars(subprocess), "Popen": nursery.start})


def layer_sites(environment: Mapping[str, str]) -> list[Path]:
    """The folders of a worker's layers whose `.pth` files it reads."""
    folders = filter(None, environment.get(LAYERS_VARIABLE, "").split(os.pathsep))
    return [found for folder in folders for found in Path(folder).glob("python/lib/*/site-packages")]


def references(environment: Mapping[str, str]) -> list[str]:
    """What a worker's layers refer to (`layers.py`): the same for workers that import the same libraries."""
    return [file.read_text(encoding="utf-8") for folder in layer_sites(environment) for file in folder.glob("*.pth")]


class Nursery:
    """Starts workers. The parent of those with shared layers is started with the first of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._parent: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._references: list[str] = []

    def start(self, command: Sequence[str], *, env: Mapping[str, str], **options: Any) -> Any:
        """Start a worker, with the arguments that the emulator passes to `subprocess.Popen`."""
        found = references(env)
        if not found or command[0] != sys.executable:
            return subprocess.Popen(command, env=env, **options)
        request = {"script": command[1], "folder": options["cwd"], "environment": dict(env)}
        with self._lock:
            if found != self._references or self._parent is None or self._parent.poll() is not None:
                self._replace_parent(env)
                self._references = found
            return self._fork(request)

    def close(self) -> None:
        """End the parent. Its workers live on."""
        if self._control is not None and self._parent is not None:
            self._control.close()
            self._parent.wait()

    def _replace_parent(self, environment: Mapping[str, str]) -> None:
        """Start a parent with these layers instead of the former one."""
        self.close()
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._parent = subprocess.Popen(
                [sys.executable, "-P", __file__, str(theirs.fileno())],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )

    def _fork(self, request: Mapping[str, Any]) -> "Worker":
        ours, theirs = zip(*(_pipe(writes=number == 0) for number in range(STREAMS)), strict=True)
        try:
            assert self._control is not None  # noqa: S101 - there is a parent
            socket.send_fds(self._control, [json.dumps(request).encode()], theirs)
            answer, handles, _, _ = socket.recv_fds(self._control, 100, 1)
        finally:
            for handle in theirs:
                os.close(handle)
        if not handles:
            raise RuntimeError("The parent of the workers has ended.")
        return Worker(int(answer), handles[0], ours)


def _pipe(*, writes: bool) -> tuple[int, int]:
    """Our end of a pipe and the worker's."""
    reading, writing = os.pipe()
    return (writing, reading) if writes else (reading, writing)


class Worker:
    """A forked worker, with the methods of `subprocess.Popen` that the emulator calls."""

    def __init__(self, pid: int, handle: int, streams: Sequence[int]) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._handle = handle
        self.stdin: IO[str] = os.fdopen(streams[0], "w", encoding="utf-8", buffering=1)
        self.stdout: IO[str] = os.fdopen(streams[1], encoding="utf-8")
        self.stderr: IO[str] = os.fdopen(streams[2], encoding="utf-8")

    def __del__(self) -> None:
        os.close(self._handle)

    def poll(self) -> int | None:
        """0 if the worker has ended: nobody asks how."""
        return self._ended(0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait until the worker has ended. Raises TimeoutExpired after `timeout` seconds."""
        if self._ended(timeout) is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
        return 0

    def terminate(self) -> None:
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def _ended(self, timeout: float | None) -> int | None:
        if self.returncode is None:
            poll = select.poll()
            poll.register(self._handle, select.POLLIN)
            if poll.poll(None if timeout is None else timeout * 1000):
                self.returncode = 0
        return self.returncode

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._handle, number)


def main() -> None:
    """Import the libraries, then fork a worker for each request on the socket, until the emulator closes it."""
    control = socket.socket(fileno=int(sys.argv[1]))
    path = sys.path[:]
    gc.disable()
    for folder in layer_sites(os.environ):
        site.addsitedir(str(folder))
    import_libraries()
    gc.freeze()  # a collection in a worker does not write to what it shares
    signal.signal(signal.SIGCHLD, collect)
    while True:
        request, streams, _, _ = socket.recv_fds(control, MAX_REQUEST, STREAMS)
        if not request:
            return
        # A worker that ends at once must not be collected before there is a descriptor of it.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
        pid = os.fork()
        if pid == 0:
            control.close()
            run(json.loads(request), streams, path)
            return
        handle = os.pidfd_open(pid)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
        socket.send_fds(control, [str(pid).encode()], [handle])
        for each in (*streams, handle):
            os.close(each)


def import_libraries() -> None:
    """Import what most functions import. Its garbage stays: a worker would copy whole pages to use gaps in them."""
    for name in LIBRARIES:
        with contextlib.suppress(ModuleNotFoundError):
            importlib.import_module(name)
    with contextlib.suppress(ModuleNotFoundError):
        loaders, session = (importlib.import_module(f"botocore.{name}") for name in ("loaders", "session"))
        # The descriptions of services are large. botocore only reads them.
        loaders.JSONFileLoader.load_file = staticmethod(functools.cache(loaders.JSONFileLoader().load_file))
        session.get_session().create_client("dynamodb", region_name="us-east-1")  # imports the rest of botocore


def collect(*_: object) -> None:
    """Collect the workers that have ended."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def run(request: Mapping[str, Any], streams: Sequence[int], path: Sequence[str]) -> None:
    """In the fork: become a process as `python script` would have started it, and run the script."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    script = request["script"]
    sys.path[:] = [str(Path(script).parent), *path]
    sys.argv[:] = [script]
    gc.enable()
    runpy.run_path(script, run_name="__main__")


if __name__ == "__main__":
    main()
