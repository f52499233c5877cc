"""The runner ends the processes that it started, with their children, and nothing else."""

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runner.errors import RunnerError
from runner.processes import ProcessIdentity, run_logged, start_time, stop_group, tail
from runner.workspace import PROJECT_ROOT

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
WITH_CHILD = (
    "import subprocess, sys, time;"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
    "print(child.pid, flush=True); time.sleep(60)"
)


@pytest.fixture(autouse=True)
def world() -> None:
    """No table is needed here."""


class Started:
    """A process with its own group that has printed its first line."""

    def __init__(self, code: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.stdin = self.process.stdin
        self.first_line = self.process.stdout.readline().strip()
        identity = ProcessIdentity.of(self.process.pid)
        assert identity is not None
        self.identity = identity


@pytest.fixture
def started() -> Iterator[Callable[[str], Started]]:
    leaders: list[Started] = []

    def start(code: str) -> Started:
        leaders.append(Started(code))
        return leaders[-1]

    yield start
    for leader in leaders:
        if leader.process.poll() is None and leader.identity.alive():
            os.killpg(leader.process.pid, signal.SIGKILL)
        leader.process.wait(timeout=10)
        assert leader.process.stdout is not None
        leader.process.stdout.close()
        leader.stdin.close()


def gone(pid: int, deadline_s: float = 5) -> bool:
    end = time.monotonic() + deadline_s
    while start_time(pid) is not None and time.monotonic() < end:
        time.sleep(0.02)
    return start_time(pid) is None


def test_a_group_that_listens_ends_with_its_children(started: Callable[[str], Started]) -> None:
    leader = started(WITH_CHILD)

    assert stop_group(leader.identity, grace_s=10)

    assert not leader.identity.alive()
    assert gone(int(leader.first_line))


def test_a_process_that_ignores_the_request_is_killed_after_the_grace(started: Callable[[str], Started]) -> None:
    leader = started(STUBBORN)

    assert not stop_group(leader.identity, grace_s=0.2)

    assert not leader.identity.alive()


def test_stopping_does_not_wait_once_the_work_is_finished(started: Callable[[str], Started]) -> None:
    leader = started(STUBBORN)
    began = time.monotonic()

    assert stop_group(leader.identity, grace_s=30, finished=lambda: True)

    assert time.monotonic() - began < 10
    assert not leader.identity.alive()


def test_a_later_process_with_the_same_number_is_left_alone(started: Callable[[str], Started]) -> None:
    leader = started(WITH_CHILD)
    earlier = ProcessIdentity(leader.process.pid, "another time")

    assert not earlier.alive()
    assert stop_group(earlier, grace_s=1)

    assert leader.identity.alive()


def test_a_zombie_child_is_not_alive(started: Callable[[str], Started]) -> None:
    leader = started("print('up', flush=True); input()")
    leader.stdin.write("go\n")
    leader.stdin.close()

    assert gone(leader.process.pid)
    assert not leader.identity.alive()


def test_a_failing_command_is_reported_with_its_log_and_its_last_lines(tmp_path: Path) -> None:
    log = tmp_path / "command.log"
    command = [sys.executable, "-c", "print('first'); print('the reason'); raise SystemExit(3)"]

    with pytest.raises(RunnerError, match=r"(?s)The thing failed.*command\.log.*the reason"):
        run_logged(command, environment={}, folder=tmp_path, log=log, deadline_s=30, what="The thing")


def test_a_hanging_command_is_ended_at_its_deadline(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import os, time; print(os.getpid(), flush=True); time.sleep(60)"]
    log = tmp_path / "command.log"

    with pytest.raises(RunnerError, match="not done after 1 s"):
        run_logged(command, environment={}, folder=tmp_path, log=log, deadline_s=1, what="The thing")

    assert gone(int(log.read_text()))


def test_a_command_sees_only_the_environment_that_it_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "mine")
    log = tmp_path / "command.log"
    command = [sys.executable, "-c", "import os; print(sorted(name for name in os.environ if name != 'LC_CTYPE'))"]

    run_logged(command, environment={"GIVEN": "1"}, folder=tmp_path, log=log, deadline_s=30, what="The thing")

    assert log.read_text().strip() == "['GIVEN']"


def test_the_tail_of_a_log_is_its_last_lines_that_are_not_blank(tmp_path: Path) -> None:
    log = tmp_path / "some.log"
    log.write_text("one\n\ntwo\n\n  \nthree\n")

    assert tail(log, lines=2) == "two\nthree"
    assert tail(tmp_path / "missing.log") == ""


SERVER = """
import time
from runner.processes import foreground
try:
    with foreground():
        print('runs', flush=True)
        time.sleep(60)
except KeyboardInterrupt:
    print('has stopped')
"""
MAKE_IN_A_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp('make', ['make', '--silent', '--file', sys.argv[1]])
"""


def test_make_succeeds_if_its_command_ends_well_on_ctrl_c(tmp_path: Path) -> None:
    (tmp_path / "server.py").write_text(SERVER)
    makefile = tmp_path / "Makefile"
    makefile.write_text(f"stops:\n\t@{sys.executable} {tmp_path / 'server.py'}\n")
    mine, terminal = os.openpty()
    command = [sys.executable, "-c", MAKE_IN_A_TERMINAL, str(makefile)]
    environment = os.environ | {"PYTHONPATH": str(PROJECT_ROOT)}
    make = subprocess.Popen(
        command, stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True, env=environment
    )
    os.close(terminal)

    assert "runs" in shown(mine, "runs")
    os.write(mine, b"\x03")

    assert "has stopped" in shown(mine, "has stopped")
    assert make.wait(timeout=10) == 0
    os.close(mine)


def shown(terminal: int, awaited: str, deadline_s: float = 10) -> str:
    """What a terminal shows until it shows what is awaited, or the deadline."""
    text, end = "", time.monotonic() + deadline_s
    while awaited not in text and time.monotonic() < end:
        if select.select([terminal], [], [], 0.1)[0]:
            text += os.read(terminal, 1000).decode()
    return text
