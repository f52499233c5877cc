"""The local system as a whole: bring it up, take it down, or have one of one's own for a test."""

import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from runner.errors import RunnerError
from runner.local import build, emulator
from runner.local.deployment import STACK_NAME, STAGE_NAME, STEADY_STATUSES, DeployedStack, Deployment
from runner.local.emulator import DEFAULT_PORT, Emulator
from runner.local.environment import HOST, REGION, endpoint_url
from runner.progress import Progress, Silence
from runner.stack import Stack
from runner.workspace import Workspace, exclusive, write_whole

API_PREFIX = "/restapis/"
API_SUFFIX = f"/{STAGE_NAME}/_user_request_"
USERS = {"admin": "admin", "daikiri": "tekila"}
"""Who can log in to a local system, and with which password; nowhere else."""
HEALTH_DEADLINE_S = 60.0


@dataclass(frozen=True, slots=True)
class Options:
    """What a person can choose: port and address (None: the usual ones), and whether the schedules run."""

    port: int | None = None
    simulate: bool = True
    bind: str | None = None


def template_parameters(port: int, *, simulate: bool, bind: str = HOST) -> dict[str, str]:
    """The template's parameters of a local system."""
    return {
        "Environment": "local",
        "Runtime": build.RUNTIME,
        "Architecture": build.ARCHITECTURE,
        "AdminPassword": USERS["admin"],
        "DemoUsername": "daikiri",
        "DemoPassword": USERS["daikiri"],
        "Schedules": "ENABLED" if simulate else "DISABLED",
        "Simulator": "on",
        "SimulatedSource": "on",
        "EventSender": "on",
        # One shard: the emulator reads them one after the other anyway.
        "StreamShards": "1",
        "ApiUrlPrefix": f"{endpoint_url(port, bind)}{API_PREFIX}",
        "ApiUrlSuffix": API_SUFFIX,
    }


def bring_up(workspace: Workspace, options: Options, progress: Progress, *, persist: bool = True) -> Stack:
    """Have the system of the workspace run, as the sources and options want it; returns when it is healthy.

    Does only what is missing: a running and unchanged system is left alone, a stopped one is started with its data.
    Raises RunnerError. An emulator that this call has started ends again when it fails or is interrupted.
    """
    workspace.prepare()
    running = emulator.running(workspace)
    port = options.port or (running.port if running else DEFAULT_PORT)
    if running is not None and running.port != port:
        raise RunnerError(f"Sitewatch runs on port {running.port} already; make down stops it.")
    bind = options.bind or (running.bind if running else HOST)
    if running is not None and running.bind != bind:
        raise RunnerError(f"Sitewatch runs bound to {running.bind} already, not to {bind}; make down stops it.")
    parameters = template_parameters(port, simulate=options.simulate, bind=bind)
    fingerprint = build.source_fingerprint()
    wanted = json.dumps({"sources": fingerprint, "parameters": parameters}, sort_keys=True)

    with contextlib.ExitStack() as undo:
        if running is None:
            server = emulator.start(workspace, port, persist=persist, bind=bind)
            undo.callback(stop_quietly, server)
        else:
            server = running
        if build.is_built(fingerprint):
            template = build.build(workspace, fingerprint)
        else:
            with progress.step("Building layers and functions …", "Layers and functions are built"):
                template = build.build(workspace, fingerprint)
        if running is None:
            with progress.step("Starting the emulator …", f"The emulator listens on {server.endpoint_url}"):
                server.wait_until_ready()
        else:
            server.wait_until_ready()
        deployment = Deployment(workspace, server.endpoint_url)
        deployed = deployment.describe()
        if deployed is None or not is_current(workspace, deployed, wanted):
            deployed = deploy(deployment, deployed, template, parameters, progress)
        deployment.apply_gateway_responses(template, deployed)
        stack = Stack(
            base_url=f"{server.endpoint_url}{API_PREFIX}{deployed.output('ApiId')}{API_SUFFIX}",
            endpoint_url=server.endpoint_url,
            region=REGION,
            stack_name=STACK_NAME,
            detections_stream=deployed.output("DetectionsStreamName"),
            users=USERS,
        )
        with progress.step("Asking whether it is healthy …", "GET /check answers 200"):
            wait_until_healthy(server, stack)
        write_whole(workspace.deployment, json.dumps({"wanted": wanted, "changed": deployed.changed}) + "\n")
        stack.write(workspace)
        undo.pop_all()
    return stack


def deploy(
    deployment: Deployment,
    deployed: DeployedStack | None,
    template: Path,
    parameters: dict[str, str],
    progress: Progress,
) -> DeployedStack:
    """Deploy, over what is there or anew."""
    if deployed is not None and deployed.status not in STEADY_STATUSES:
        with progress.step(
            f"The last deployment ended as {deployed.status}: deleting its stack …",
            f"The stack of a failed deployment is deleted ({deployed.status})",
        ):
            deployment.delete()
    with progress.step("Deploying with sam deploy …", "The stack is deployed"):
        return deployment.deploy(template, parameters)


def is_current(workspace: Workspace, deployed: DeployedStack, wanted: str) -> bool:
    """Whether what CloudFormation has is what the last good `bring_up` deployed, and that is still wanted."""
    try:
        last = json.loads(workspace.deployment.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return False
    return (
        deployed.status in STEADY_STATUSES and last.get("wanted") == wanted and last.get("changed") == deployed.changed
    )


def wait_until_healthy(server: Emulator, stack: Stack, deadline_s: float = HEALTH_DEADLINE_S) -> None:
    """Return when GET /check answers 200.

    Raises RunnerError where it does not within `deadline_s` seconds, or the emulator ends.
    """
    path = f"{stack.base_url.removeprefix(stack.endpoint_url)}/check"
    end = time.monotonic() + deadline_s
    status = server.answers(path, timeout_s=30)
    while status != 200:
        if time.monotonic() >= end or not server.alive():
            raise RunnerError(f"GET {stack.base_url}/check answers {status}; the log is {server.workspace.log}")
        time.sleep(0.5)
        status = server.answers(path, timeout_s=30)


def stop_quietly(server: Emulator) -> None:
    """End an emulator on the way out of a failure, whose message is the one that matters."""
    with contextlib.suppress(RunnerError):
        server.stop()


def take_down(workspace: Workspace) -> bool:
    """Stop the workspace's emulator, its state saved; False where it did not run.

    Raises RunnerError where it had to be killed.
    """
    running = emulator.running(workspace)
    if running is None:
        return False
    running.stop()
    return True


@contextlib.contextmanager
def only_one(workspace: Workspace) -> Iterator[None]:
    """Keep a second command off the workspace while this one changes it."""
    with exclusive(workspace.home / "lock", 0, "Another make run, up, down or reset is at work here; wait for it."):
        yield


@contextlib.contextmanager
def running_stack(folder: Path, port: int | None = None, *, simulate: bool = False) -> Iterator[Stack]:
    """A fresh system in a folder of its own, on a free port, for as long as the block runs; nothing is kept.

    Its build is shared with `make up`, and made only where the sources have changed since.
    Raises RunnerError where it does not come up.
    """
    workspace = Workspace(folder)
    options = Options(port=port or emulator.free_port(), simulate=simulate)
    try:
        yield bring_up(workspace, options, Silence(), persist=False)
    finally:
        running = emulator.running(workspace)
        if running is not None:
            running.discard()
