"""Bring the local system up, take it down, or run a throw-away one for a test."""

import contextlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from runner.errors import RunnerError
from runner.local import build, deployment, emulator
from runner.local.deployment import STEADY_STATUSES
from runner.local.emulator import DEFAULT_PORT, Emulator
from runner.local.environment import HOST, STAGE_NAME, endpoint_url
from runner.local.layers import with_shared_layers
from runner.progress import Progress, Silence
from runner.stack import Description, Stack
from runner.workspace import Workspace, exclusive, require_disk_space, write_whole

API_PREFIX = "/restapis/"
API_SUFFIX = f"/{STAGE_NAME}/_user_request_"
USERS = {"admin": "admin", "daikiri": "tekila"}
"""The users of a local system and their passwords; no other deployment has these passwords."""
HEALTH_DEADLINE_S = 60.0
RUN_MB = 150
"""The disk space of a running system: all workers, the layers, and room for saves of its data."""


@dataclass(frozen=True, slots=True)
class Options:
    """The user's choices.

    They are the port and the address (None: the defaults), whether the schedules run, and the origins, separated by
    commas, whose pages may call the API.
    """

    port: int | None = None
    simulate: bool = True
    bind: str | None = None
    origins: str = ""


def template_parameters(port: int, *, simulate: bool, bind: str = HOST, origins: str = "") -> dict[str, str]:
    """The template's parameters for a local system."""
    return {
        "Environment": "local",
        "Runtime": build.RUNTIME,
        "Architecture": build.ARCHITECTURE,
        "AdminPassword": USERS["admin"],
        "DemoUsername": "daikiri",
        "DemoPassword": USERS["daikiri"],
        "PasswordMinLength": "4",
        "CommonPasswords": "allowed",
        "ImportedBcryptCost": "4",
        "PublicReadings": "on",
        "Schedules": "ENABLED" if simulate else "DISABLED",
        "CorsOrigins": origins,
        "Simulator": "on",
        "SimulatedSource": "on",
        "EventSender": "on",
        # One shard: the emulator reads several one after the other anyway.
        "StreamShards": "1",
        "ApiUrlPrefix": f"{endpoint_url(port, bind)}{API_PREFIX}",
        "ApiUrlSuffix": API_SUFFIX,
    }


def bring_up(workspace: Workspace, options: Options, progress: Progress, *, persist: bool = True) -> Stack:
    """Run the workspace's system with the current sources and these options; return when it is healthy.

    Does only what is missing: a running and unchanged system is left alone, a stopped one starts with its data.
    Raises RunnerError at once if a disk has too little space for all of it, or if the saved data has an older layout.
    If a step fails or is interrupted, an emulator that this call has started ends again.
    """
    workspace.prepare()
    workspace.check_layout()
    to_run = [(workspace.home, RUN_MB)] if emulator.running(workspace) is None else []
    require_disk_space(*to_run, *build.disk_space(build.source_fingerprint()))
    with started(workspace, options, persist=persist) as server:
        built = build_sources(workspace, progress)
        wait_until_ready(server, progress)
        stack = deploy(server, options, built, progress)
        check_health(server, stack, progress)
    return stack


@contextlib.contextmanager
def started(workspace: Workspace, options: Options, *, persist: bool) -> Iterator[Emulator]:
    """Start the emulator unless it is running. It starts up while the block builds, and ends if the block fails.

    Raises RunnerError if it is running on another port or address than the options say.
    """
    server = emulator.running(workspace)
    if server is not None:
        if options.port not in (None, server.port):
            raise RunnerError(f"Sitewatch is already running on port {server.port}; make down stops it.")
        if options.bind not in (None, server.bind):
            raise RunnerError(
                f"Sitewatch is already running bound to {server.bind}, not to {options.bind}; make down stops it."
            )
        yield server
        return
    server = emulator.start(workspace, options.port or DEFAULT_PORT, persist=persist, bind=options.bind or HOST)
    try:
        yield server
    except BaseException:
        with contextlib.suppress(RunnerError):  # the first error is the one to report
            server.stop()
        raise


def build_sources(workspace: Workspace, progress: Progress) -> Path:
    """Build the sources for the emulator, unless they are built, and return the built template's path."""
    fingerprint = build.source_fingerprint()
    if build.is_built(fingerprint):
        return build.build(workspace, fingerprint)
    with progress.step("Building layers and functions …", "Layers and functions are built"):
        return build.build(workspace, fingerprint)


def wait_until_ready(server: Emulator, progress: Progress) -> None:
    """Wait until the emulator answers."""
    with progress.step("Starting the emulator …", f"The emulator listens on {server.endpoint_url}"):
        server.wait_until_ready()


def deploy(server: Emulator, options: Options, built: Path, progress: Progress) -> Stack:
    """Deploy the built template, unless exactly that is deployed, and return the stack."""
    workspace = server.workspace
    stack = server.stack()
    parameters = template_parameters(server.port, simulate=options.simulate, bind=server.bind, origins=options.origins)
    target = json.dumps({"sources": built.parent.name, "parameters": parameters}, sort_keys=True)
    deployed = deployment.settled(stack, workspace)
    if deployed is None or not is_current(workspace, deployed, target):
        if deployed is not None and deployed.status not in STEADY_STATUSES:
            with progress.step(
                f"The last deployment ended as {deployed.status}: deleting its stack …",
                f"The stack of a failed deployment is deleted ({deployed.status})",
            ):
                deployment.delete(stack)
        with progress.step("Deploying with sam deploy …", "The stack is deployed"):
            deployed = deployment.deploy(stack, workspace, with_shared_layers(workspace, built), parameters)
    deployment.apply_gateway_responses(stack, built, deployed)
    write_whole(workspace.deployment, json.dumps({"target": target, "changed": deployed.changed}) + "\n")
    return replace(
        stack,
        base_url=f"{server.endpoint_url}{API_PREFIX}{deployed.outputs['ApiId']}{API_SUFFIX}",
        detections_stream=deployed.outputs["DetectionsStreamName"],
        users=USERS,
    )


def is_current(workspace: Workspace, deployed: Description, target: str) -> bool:
    """Whether the stack is as the last successful deployment left it, and that deployed the same target."""
    try:
        last = json.loads(workspace.deployment.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return False
    return deployed.status in STEADY_STATUSES and last == {"target": target, "changed": deployed.changed}


def check_health(server: Emulator, stack: Stack, progress: Progress) -> None:
    """Wait until the API is healthy, then write stack.json."""
    with progress.step("Checking its health …", "GET /check answers 200"):
        server.wait_until_healthy(f"{stack.base_url}/check", HEALTH_DEADLINE_S)
    stack.write(server.workspace.stack)


def take_down(workspace: Workspace) -> bool:
    """Stop the workspace's emulator and save its state; False if it was not running.

    `sam local` by hand then reports that its files are missing, instead of functions that reach nothing.
    """
    shutil.rmtree(workspace.sam_local, ignore_errors=True)
    running = emulator.running(workspace)
    if running is None:
        return False
    running.stop()
    return True


@contextlib.contextmanager
def only_one(workspace: Workspace) -> Iterator[None]:
    """Keep other commands away from the workspace while this one changes it."""
    with exclusive(workspace.home / "lock", 0, "Another make run, up, down or reset is running here; wait for it."):
        yield


@contextlib.contextmanager
def running_stack(folder: Path, port: int | None = None, *, simulate: bool = False) -> Iterator[Stack]:
    """Run a throw-away system in its own folder, on a free port, while the block runs.

    It shares its build with `make up`.
    """
    workspace = Workspace(folder)
    options = Options(port=port or emulator.free_port(), simulate=simulate)
    try:
        yield bring_up(workspace, options, Silence(), persist=False)
    finally:
        running = emulator.running(workspace)
        if running is not None:
            running.discard()
