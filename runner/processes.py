"""Identify a process, run a command to its end, start a server, stop a process group."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from runner.errors import RunnerError
from runner.http_client import get
from runner.waiting import happens

LAST_LINES = 15
KILL_DEADLINE_S = 5.0


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """A process. Its start time distinguishes it from a later one with the same number."""

    pid: int
    started: str
    """The start time as the operating system reports it."""

    @staticmethod
    def of(pid: int) -> "ProcessIdentity | None":
        """The identity of a live process; None if there is no such process."""
        started = start_time(pid)
        return None if started is None else ProcessIdentity(pid, started)

    def alive(self) -> bool:
        """Whether exactly this process is still running."""
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, os.WNOHANG)  # a child that has ended looks alive until it is waited for
        return start_time(self.pid) == self.started


def start_time(pid: int) -> str | None:
    """The start time of a process; None if there is no such process, or it is a zombie."""
    proc = Path("/proc")
    if (proc / "self" / "stat").exists():
        try:
            stat = (proc / str(pid) / "stat").read_text()
            boot = (proc / "sys" / "kernel" / "random" / "boot_id").read_text().strip()
        except (FileNotFoundError, ProcessLookupError):
            return None
        # The second field, the command in parentheses, may contain anything; the state is the third (proc(5)).
        fields = stat.rpartition(")")[2].split()
        return None if fields[0] in "ZX" else f"{boot}:{fields[19]}"
    answer = subprocess.run(
        ["ps", "-o", "state=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False, timeout=10
    )
    state, _, started = answer.stdout.strip().partition(" ")
    return None if not started or state.startswith("Z") else started.strip()


def stop_group(leader: ProcessIdentity, grace_s: float, finished: Callable[[], bool] = lambda: False) -> bool:
    """Send SIGTERM to a process group, then kill what is left of it.

    Waits in between until the group's leader ends or `finished` returns True; returns False if neither happens within
    `grace_s` seconds.
    """
    if not leader.alive():
        return True
    os.killpg(leader.pid, signal.SIGTERM)
    done = happens(lambda: not leader.alive() or finished(), grace_s, pause_s=0.05)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader.pid, signal.SIGKILL)
    happens(lambda: not leader.alive(), KILL_DEADLINE_S, pause_s=0.05)
    return done


def ignore_interrupts() -> None:
    """Ignore Ctrl-C and the like from now on: what is being stopped is stopped to its end."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


@contextlib.contextmanager
def foreground() -> Iterator[None]:
    """Make this process alone the terminal's foreground while the block runs, if it is in the foreground.

    Ctrl-C would also reach make, which started this process, and make then fails whatever this process returns.
    """
    try:
        terminal = os.open("/dev/tty", os.O_RDWR)
    except OSError:
        yield
        return
    before = os.tcgetpgrp(terminal)
    if before != os.getpgrp() or before == os.getpid():
        os.close(terminal)
        yield
        return
    # Only a foreground process may change the terminal, unless it ignores this signal. Ctrl-Z would stop this process
    # and leave the shell waiting for make.
    ignored = (signal.SIGTTOU, signal.SIGTSTP)
    handlers = {number: signal.signal(number, signal.SIG_IGN) for number in ignored}
    os.setpgid(0, 0)
    os.tcsetpgrp(terminal, os.getpid())
    try:
        yield
    finally:
        os.tcsetpgrp(terminal, before)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        os.close(terminal)


def tail(log: Path, lines: int = LAST_LINES) -> str:
    """The last non-empty lines of a log."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join([line for line in text.splitlines() if line.strip()][-lines:])


def failure(what: str, happened: str, log: Path) -> RunnerError:
    """The error of a command, with its log's path and last lines."""
    return RunnerError(f"{what} {happened}; its log is {log} and ends with:\n{tail(log)}")


def _start(
    command: Sequence[str], environment: Mapping[str, str], folder: Path, log: Path, inherited: Sequence[int] = ()
) -> "subprocess.Popen[bytes]":
    with log.open("w", encoding="utf-8") as output:
        return subprocess.Popen(
            command,
            env=dict(environment),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=inherited,
        )


def start_logged(
    command: Sequence[str], *, environment: Mapping[str, str], folder: Path, log: Path, what: str
) -> ProcessIdentity:
    """Start a command in its own process group, detached from the terminal, with its output in `log`."""
    identity = ProcessIdentity.of(_start(command, environment, folder, log).pid)
    if identity is None:
        raise failure(what, "ended at once", log)
    return identity


def wait_until_healthy(
    url: str, process: ProcessIdentity, deadline_s: float, *, log: Path, what: str, timeout_s: float = 5.0
) -> None:
    """Return as soon as a server answers a GET with 200.

    Raises RunnerError if its process ends or `deadline_s` seconds pass.
    """
    status = 0

    def is_healthy() -> bool:
        nonlocal status
        status, _ = get(url, timeout_s)
        if status != HTTPStatus.OK and not process.alive():
            raise failure(what, "ended", log)
        return status == HTTPStatus.OK

    if not happens(is_healthy, deadline_s):
        raise failure(what, f"answers GET {url} with {status or 'nothing'}", log)


def run_logged(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    folder: Path,
    log: Path,
    deadline_s: float,
    what: str,
    lock: int | None = None,
) -> None:
    """Run a command to its end with its output in `log`.

    It runs in its own process group, which ends with it, also on an exception such as Ctrl-C. If this process is
    killed, the command continues, and holds the lock (of `runner.workspace.exclusive`) until it ends.
    Raises RunnerError if it fails or takes longer than `deadline_s` seconds.
    """
    process = _start(command, environment, folder, log, () if lock is None else (lock,))
    identity = ProcessIdentity.of(process.pid)
    try:
        code = process.wait(timeout=deadline_s)
    except subprocess.TimeoutExpired:
        raise failure(what, f"was not done after {deadline_s:.0f} s", log) from None
    finally:
        if process.poll() is None and identity is not None:
            stop_group(identity, grace_s=5)
            process.wait()
    if code != 0:
        raise failure(what, "failed", log)
