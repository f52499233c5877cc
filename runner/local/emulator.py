"""The emulator's process: start it, wait for it, find it again, stop it."""

import http.client
import json
import socket
import time
from dataclasses import asdict, dataclass

from runner.errors import RunnerError
from runner.local import environment
from runner.processes import ProcessIdentity, start_logged, stop_group, tail
from runner.workspace import Workspace, write_whole

DEFAULT_PORT = 4566
READY_DEADLINE_S = 90.0
STOP_GRACE_S = 60.0
"""It writes its state when it is asked to end; hundreds of megabytes take seconds. Then it waits for the functions that
still run, a custom resource for minutes: there is no need to wait with it."""


@dataclass(frozen=True, slots=True)
class Emulator:
    """A started emulator, of a workspace, on a port of the address that it is bound to."""

    workspace: Workspace
    port: int
    identity: ProcessIdentity
    bind: str = environment.HOST

    @property
    def endpoint_url(self) -> str:
        """Where it answers AWS calls."""
        return environment.endpoint_url(self.port, self.bind)

    def answers(self, path: str, timeout_s: float = 5.0) -> int | None:
        """The status of a GET of a path of it; None where it does not answer."""
        return answers(self.port, path, timeout_s, host=environment.reachable(self.bind))

    def alive(self) -> bool:
        """Whether its process still runs."""
        return self.identity.alive()

    def wait_until_ready(self, deadline_s: float = READY_DEADLINE_S) -> None:
        """Return when it answers.

        Raises RunnerError where its process ends before, or after `deadline_s` seconds.
        """
        end = time.monotonic() + deadline_s
        while time.monotonic() < end:
            if self.answers("/_ministack/ready") == http.HTTPStatus.OK:
                return
            if not self.alive():
                break
            time.sleep(0.1)
        reason = "did not answer in time" if self.alive() else "ended"
        log = self.workspace.log
        raise RunnerError(f"The emulator {reason}; its log is {log} and ends with:\n{tail(log)}")

    def stop(self) -> None:
        """End it, its state saved, and its workers with it.

        Raises RunnerError where it had to be killed before it had saved its state.
        """
        asked = time.time()
        saved = stop_group(self.identity, STOP_GRACE_S, finished=lambda: self.workspace.state_is_saved(since=asked))
        self._clear_up()
        if not saved:
            raise RunnerError(
                f"The emulator did not end within {STOP_GRACE_S:.0f} s and was killed: "
                f"what changed since the last start may be lost ({self.workspace.log})."
            )

    def discard(self) -> None:
        """End it and its workers at once; its state is lost."""
        stop_group(self.identity, grace_s=0)
        self._clear_up()

    def _clear_up(self) -> None:
        self.workspace.process.unlink(missing_ok=True)
        self.workspace.scratch_anew()


def answers(port: int, path: str, timeout_s: float = 5.0, *, host: str = environment.HOST) -> int | None:
    """The status of a GET of a path on this machine; None where nothing answers HTTP there."""
    connection = http.client.HTTPConnection(host, port, timeout=timeout_s)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def port_is_free(port: int, bind: str = environment.HOST) -> bool:
    """Whether a server could listen on that port of an address of this machine."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((bind, port))
        except OSError:
            return False
        return True


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind((environment.HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def running(workspace: Workspace) -> Emulator | None:
    """The workspace's emulator; None where it does not run."""
    try:
        recorded = json.loads(workspace.process.read_text(encoding="utf-8"))
        identity = ProcessIdentity(recorded["pid"], recorded["started"])
        emulator = Emulator(workspace, recorded["port"], identity, recorded.get("bind", environment.HOST))
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return emulator if emulator.alive() else None


def start(workspace: Workspace, port: int, *, persist: bool = True, bind: str = environment.HOST) -> Emulator:
    """Start the workspace's emulator, detached from the terminal; it is not ready yet.

    Raises RunnerError where the port is in use.
    """
    if not port_is_free(port, bind):
        raise RunnerError(f"Port {port} of {bind} is in use by something else; another one: make run PORT={port + 1}")
    workspace.scratch_anew()
    workspace.forget_stream_positions()
    workspace.move_queues(environment.queue_address(port, bind))
    if workspace.log.exists():
        workspace.log.replace(workspace.log.with_suffix(".log.1"))
    identity = start_logged(
        # -P: the folder that it is started in is no place to import from.
        [environment.emulator_python(), "-P", "-m", "ministack"],
        environment=environment.emulator(workspace, port, persist=persist, bind=bind),
        folder=workspace.home,
        log=workspace.log,
        what="The emulator",
    )
    write_whole(workspace.process, json.dumps({**asdict(identity), "port": port, "bind": bind}) + "\n")
    return Emulator(workspace, port, identity, bind)
