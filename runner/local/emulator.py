"""The emulator's process: start it, wait for it, find it again, stop it."""

import contextlib
import json
import socket
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from runner.credentials import Credentials
from runner.errors import RunnerError
from runner.local import environment, saving
from runner.processes import ProcessIdentity, start_logged, stop_group, wait_until_healthy
from runner.stack import READY_PATH, Stack
from runner.waiting import happens
from runner.workspace import PROJECT_ROOT, Workspace, write_whole

DEFAULT_PORT = 4566
PROGRAM = Path(__file__).with_name("saving.py")
READY_DEADLINE_S = 90.0
PORT_DEADLINE_S = 10.0
STOP_GRACE_S = 60.0
"""It saves its state when it is asked to end; hundreds of megabytes take seconds. After that it waits for running
functions, for minutes if one is a custom resource, which the runner does not."""


@dataclass(frozen=True, slots=True)
class Emulator:
    """A workspace's emulator, on a port of the address that it is bound to."""

    workspace: Workspace
    port: int
    identity: ProcessIdentity
    bind: str = environment.HOST

    @property
    def endpoint_url(self) -> str:
        """Where it answers AWS calls."""
        return environment.endpoint_url(self.port, self.bind)

    def stack(self) -> Stack:
        """The stack on it, of which only the name, the address and the credentials are known."""
        file = self.workspace.credentials.resolve()
        with contextlib.suppress(ValueError):  # a folder elsewhere, of a test
            file = file.relative_to(PROJECT_ROOT)
        return Stack.named(endpoint_url=self.endpoint_url, region=environment.REGION, credentials_file=str(file))

    def alive(self) -> bool:
        return self.identity.alive()

    def wait_until_healthy(self, url: str, deadline_s: float) -> None:
        """Return as soon as a URL of the emulator answers 200."""
        log = self.workspace.log
        wait_until_healthy(url, self.identity, deadline_s, log=log, what="The emulator", timeout_s=30)

    def wait_until_ready(self) -> None:
        """Return as soon as it answers."""
        self.wait_until_healthy(f"{self.endpoint_url}{READY_PATH}", READY_DEADLINE_S)

    def stop(self) -> None:
        """Save its state and end it and its workers.

        Raises RunnerError if it had to be killed before it had saved its state.
        """
        asked = time.time()
        saved = stop_group(self.identity, STOP_GRACE_S, finished=lambda: saving.has_ended(self.workspace.state, asked))
        self._clean_up()
        if not saved:
            raise RunnerError(
                f"The emulator did not end within {STOP_GRACE_S:.0f} s and was killed: "
                f"the changes of the last seconds may be lost ({self.workspace.log})."
            )

    def discard(self) -> None:
        """End it and its workers at once, without saving its state."""
        stop_group(self.identity, grace_s=0)
        self._clean_up()

    def _clean_up(self) -> None:
        self.workspace.process.unlink(missing_ok=True)
        self.workspace.empty_scratch()


def port_is_free(port: int, bind: str = environment.HOST) -> bool:
    """Whether a server could listen on a port of one of this machine's addresses."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((bind, port))
        except OSError:
            return False
        return True


def free_port() -> int:
    """An unused port."""
    with socket.socket() as probe:
        probe.bind((environment.HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def running(workspace: Workspace) -> Emulator | None:
    """The workspace's emulator; None if it is not running."""
    try:
        recorded = json.loads(workspace.process.read_text(encoding="utf-8"))
        identity = ProcessIdentity(recorded["pid"], recorded["started"])
        emulator = Emulator(workspace, recorded["port"], identity, recorded.get("bind", environment.HOST))
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return emulator if emulator.alive() else None


def start(workspace: Workspace, port: int, *, persist: bool = True, bind: str = environment.HOST) -> Emulator:
    """Start the workspace's emulator, detached from the terminal, and return before it is ready."""
    # A killed emulator has the port until its last thread has ended.
    patience_s = PORT_DEADLINE_S if workspace.process.exists() else 0
    if not happens(lambda: port_is_free(port, bind), patience_s, pause_s=0.05):
        raise RunnerError(f"Port {port} of {bind} is in use by something else; another one: make run PORT={port + 1}")
    workspace.empty_scratch()
    if workspace.log.exists():
        workspace.log.replace(workspace.log.with_suffix(".log.1"))
    credentials = Credentials.random()
    credentials.write(workspace.credentials, environment.endpoint_url(port, bind), environment.REGION)
    identity = start_logged(
        # -P: do not import modules from the working directory.
        [environment.emulator_python(), "-P", str(PROGRAM)],
        environment=environment.emulator(workspace, port, credentials, persist=persist, bind=bind),
        folder=workspace.home,
        log=workspace.log,
        what="The emulator",
    )
    write_whole(workspace.process, json.dumps({**asdict(identity), "port": port, "bind": bind}) + "\n")
    return Emulator(workspace, port, identity, bind)
