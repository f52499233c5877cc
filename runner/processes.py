"""Processes: which one is ours, running a command to its end, stopping a group of them."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from runner.errors import RunnerError

LAST_LINES = 15
KILL_DEADLINE_S = 5.0


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """A process that cannot be taken for a later one with the same number."""

    pid: int
    started: str
    """When it started, in the machine's own notation."""

    @staticmethod
    def of(pid: int) -> "ProcessIdentity | None":
        """The identity of a live process; None where there is none."""
        started = start_time(pid)
        return None if started is None else ProcessIdentity(pid, started)

    def alive(self) -> bool:
        """Whether this very process still runs."""
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, os.WNOHANG)  # a child of ours that has ended would look alive until it is waited for
        return start_time(self.pid) == self.started


def start_time(pid: int) -> str | None:
    """When the process started; None where there is no such process, or a dead one that nobody has waited for."""
    proc = Path("/proc")
    if (proc / "self" / "stat").exists():
        try:
            stat = (proc / str(pid) / "stat").read_text()
            boot = (proc / "sys" / "kernel" / "random" / "boot_id").read_text().strip()
        except (FileNotFoundError, ProcessLookupError):
            return None
        # The second field, the command in parentheses, may hold anything; proc(5) counts the state as the third.
        fields = stat.rpartition(")")[2].split()
        return None if fields[0] in "ZX" else f"{boot}:{fields[19]}"
    answer = subprocess.run(
        ["ps", "-o", "state=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False, timeout=10
    )
    state, _, started = answer.stdout.strip().partition(" ")
    return None if not started or state.startswith("Z") else started.strip()


def stop_group(leader: ProcessIdentity, grace_s: float, finished: Callable[[], bool] = lambda: False) -> bool:
    """Ask a process group to end, then kill what is left of it.

    Waits up to `grace_s` seconds, or until `finished` says that there is nothing left to wait for.
    Returns whether it came to that, or the group's leader ended by itself.
    """
    if not leader.alive():
        return True
    os.killpg(leader.pid, signal.SIGTERM)
    end = time.monotonic() + grace_s
    done = False
    while not done and time.monotonic() < end:
        time.sleep(0.05)
        done = not leader.alive() or finished()
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader.pid, signal.SIGKILL)
    end = time.monotonic() + KILL_DEADLINE_S
    while leader.alive() and time.monotonic() < end:
        time.sleep(0.05)
    return done


def tail(log: Path, lines: int = LAST_LINES) -> str:
    """The last lines of a log."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join([line for line in text.splitlines() if line.strip()][-lines:])


def _start(
    command: Sequence[str], environment: Mapping[str, str], folder: Path, log: Path
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
        )


def start_logged(
    command: Sequence[str], *, environment: Mapping[str, str], folder: Path, log: Path, what: str
) -> ProcessIdentity:
    """Start a command, detached from the terminal, with its output in `log`; it leads a group of its own.

    Raises RunnerError, with the log's last lines and path, where it has ended already.
    """
    process = _start(command, environment, folder, log)
    identity = ProcessIdentity.of(process.pid)
    if identity is None:
        raise RunnerError(f"{what} ended at once; its log is {log} and ends with:\n{tail(log)}")
    return identity


def run_logged(
    command: Sequence[str], *, environment: Mapping[str, str], folder: Path, log: Path, deadline_s: float, what: str
) -> None:
    """Run a command to its end with its output in `log`.

    It is a group of its own, which is ended too when this function is left by an exception such as Ctrl-C.
    Raises RunnerError, with the log's last lines and path, where it fails or is not done after `deadline_s` seconds.
    """
    process = _start(command, environment, folder, log)
    identity = ProcessIdentity.of(process.pid)
    try:
        code = process.wait(timeout=deadline_s)
    except subprocess.TimeoutExpired:
        raise RunnerError(f"{what} was not done after {deadline_s:.0f} s; its log is {log}:\n{tail(log)}") from None
    finally:
        if process.poll() is None and identity is not None:
            stop_group(identity, grace_s=5)
            process.wait()
    if code != 0:
        raise RunnerError(f"{what} failed; its log is {log} and ends with:\n{tail(log)}")
