"""`sam local`: run the functions in containers of Lambda's runtime image, with their data on the emulator."""

import argparse
import contextlib
import copy
import ipaddress
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console

from runner import arguments, project
from runner.credentials import Credentials
from runner.engines import samples
from runner.errors import RunnerError
from runner.local import build, commands, emulator, environment, system
from runner.local.emulator import Emulator
from runner.local.system import Options
from runner.processes import (
    ProcessIdentity,
    failure,
    foreground,
    ignore_interrupts,
    start_logged,
    stop_group,
    wait_until_healthy,
)
from runner.progress import Progress
from runner.stack import Stack, aws_errors
from runner.template import FUNCTION, of_type
from runner.waiting import happens, wait_until
from runner.workspace import PROJECT_ROOT, Workspace, write_whole

HOST_NAME = "host.docker.internal"
"""This machine's name in containers: Docker Desktop's own, and `--add-host` sets it on Linux too."""
DEFAULT_API_PORT = 3000
READY_DEADLINE_S = 600.0
"""On a small machine fifty containers start one after the other, and the image may have to be pulled first."""
STOP_DEADLINE_S = 120.0
INVOKE_DEADLINE_S = 600.0
KERNEL = "SitewatchLayer"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    _add_common_arguments(parser)
    port = f"the API's port; default: {DEFAULT_API_PORT}"
    arguments.add(parser, "--api-port", "API_PORT", port, arguments.port, default=DEFAULT_API_PORT)
    warm, values = "EAGER starts every container at once, LAZY at its first call", arguments.one_of("EAGER", "LAZY")
    arguments.add(parser, "--warm", "WARM", warm, values, default="EAGER")
    arguments.add_flag(parser, "--prepare", "PREPARE", "only start the emulator, and write the files for SAM by hand")


def add_invoke_arguments(parser: argparse.ArgumentParser) -> None:
    _add_common_arguments(parser)
    arguments.add(parser, "function", "FUNCTION", "its name in template.yaml or that of its sample event")
    arguments.add(parser, "event", "EVENT", "a file with an event; default: the function's sample")


def _add_common_arguments(parser: argparse.ArgumentParser) -> None:
    commands.add_arguments(parser)
    pull = "on, or off to use the image that is present"
    arguments.add(parser, "--pull", "PULL", pull, arguments.switch, default=True)


def run(parsed: argparse.Namespace) -> None:
    """Run the API in containers until Ctrl-C."""
    options, progress = commands.options_of(parsed), Progress()
    if parsed.prepare:
        with data_plane(options, progress, pull=parsed.pull, keep=True) as containers:
            containers.prepare()
        progress.say("sam local invoke and sam local start-api can be used now; make down stops the emulator.")
        return
    with foreground(), contextlib.suppress(KeyboardInterrupt):
        serve(options, progress, port=parsed.api_port, warm=parsed.warm, pull=parsed.pull)


def run_invoke(parsed: argparse.Namespace) -> int:
    """Run one function in a container; returns SAM's exit code."""
    options, to_stderr = commands.options_of(parsed), Progress(Console(stderr=True, highlight=False))
    with data_plane(options, to_stderr, pull=parsed.pull, unchanged=True) as containers:
        return containers.invoke(parsed.function, parsed.event)


def docker(*arguments: str) -> str:
    """Run a docker command and return what it prints."""
    try:
        ran = subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=60, check=False)
    except FileNotFoundError:
        raise RunnerError("This needs Docker, and there is no docker command here; make run needs none.") from None
    except subprocess.TimeoutExpired:
        raise RunnerError("Docker did not answer within a minute.") from None
    if ran.returncode != 0:
        raise RunnerError(f"Docker does not work here: {ran.stderr.strip()}")
    return ran.stdout


def bridge_address(networks: str) -> str:
    """The address of this machine on Docker's bridge, from the JSON of the bridge's IPAM configuration.

    Old versions of Docker omit a gateway that was not configured; it is the subnet's first address then.
    """
    for network in json.loads(networks) or []:
        if network.get("Gateway"):
            return str(network["Gateway"])
        if network.get("Subnet"):
            return str(next(ipaddress.IPv4Network(network["Subnet"]).hosts()))
    raise RunnerError("Docker's bridge has no IPv4 network; name the address that containers reach: BIND=0.0.0.0")


def reachable_address() -> str:
    """The address at which containers, and as few others as possible, reach the emulator.

    On Linux that is this machine's address on Docker's bridge. If Docker runs in a virtual machine (macOS, Windows),
    this machine has no such address, and Docker forwards `host.docker.internal` to 127.0.0.1.
    """
    address = bridge_address(docker("network", "inspect", "bridge", "--format", "{{json .IPAM.Config}}"))
    with socket.socket() as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return environment.HOST
    return address


def container_template(
    built: Path, parameters: Mapping[str, str], credentials: Credentials, port: int
) -> dict[str, Any]:
    """The built template for containers: it finds its code from any folder and has its parameters as defaults.

    Every function calls the emulator on this port with the emulator's credentials, never AWS with the user's own.
    """
    document = build.read(built)
    document["Globals"]["Function"]["Environment"]["Variables"] |= {
        **credentials.variables(),
        "AWS_SESSION_TOKEN": "",
        "AWS_ENDPOINT_URL": f"http://{HOST_NAME}:{port}",
    }
    for name, value in parameters.items():
        document["Parameters"][name]["Default"] = value
    return document


def from_sources(document: Mapping[str, Any]) -> dict[str, Any]:
    """A template for containers whose functions and kernel are the sources, so that a change needs no build.

    Only the packages stay built: they are for the image's Python and processor.
    """
    changed = copy.deepcopy(dict(document))
    source = project.read_template()
    code = PROJECT_ROOT / source["Globals"]["Function"]["CodeUri"]
    for _, function in of_type(changed, FUNCTION):
        function["Properties"]["CodeUri"] = str(code)
    kernel = source["Resources"][KERNEL]["Properties"]["ContentUri"]
    changed["Resources"][KERNEL]["Properties"]["ContentUri"] = str(PROJECT_ROOT / kernel)
    return changed


def variables_in_containers(
    deployed: Mapping[str, Mapping[str, str]], port: int, api_id: str
) -> dict[str, dict[str, str]]:
    """An environment file for SAM: the deployed functions' variables, by logical id, for use in a container.

    Addresses of this machine become `host.docker.internal`. `{api}` becomes the API's id: functions would fill in the
    id in the request, which comes from SAM and is unknown to the emulator.
    """
    here = re.compile(rf"http://[A-Za-z0-9.]+:{port}(?=/|$)")
    there = f"http://{HOST_NAME}:{port}"
    return {
        function: {name: here.sub(there, value).replace("{api}", api_id) for name, value in variables.items()}
        for function, variables in deployed.items()
    }


def deployed_variables(stack: Stack) -> dict[str, dict[str, str]]:
    """The environment variables of every deployed function, by logical id."""
    functions, found = stack.client("lambda"), {}
    with aws_errors("Reading the functions' variables"):
        for logical_id, name in stack.resources("AWS::Lambda::Function").items():
            configuration = functions.get_function_configuration(FunctionName=name)
            found[logical_id] = configuration.get("Environment", {}).get("Variables", {})
    return found


@dataclass(frozen=True, slots=True)
class Containers:
    """Functions in containers: the emulator with their data, and whether SAM may pull the runtime's image."""

    server: Emulator
    stack: Stack
    options: Options
    pull: bool

    @property
    def workspace(self) -> Workspace:
        """The emulator's folder."""
        return self.server.workspace

    @property
    def log(self) -> Path:
        """The output of `sam local start-api` and of the functions in it."""
        return self.workspace.home / "sam-local.log"

    def environment(self) -> dict[str, str]:
        """The environment of one SAM command, which asks the emulator, not AWS, for the account's id.

        It has a folder for temporary files of its own. If SAM is interrupted while it builds an image, it leaves a lock
        there, which others would wait for up to five minutes.
        """
        folder = tempfile.mkdtemp(dir=self.workspace.sam_local)
        extra = {**self.stack.credentials.variables(), "TMPDIR": folder}
        return environment.sam(self.workspace, self.server.endpoint_url, extra)

    def prepare(self) -> list[str]:
        """Write SAM's templates and environment file, and return its arguments for them.

        `template.yaml` is for SAM by hand: the section [default] of samconfig.toml names it. `built.yaml` is for the
        runner: SAM restarts containers whose code changes, and importing the sources elsewhere changes their folder.
        """
        port = self.server.port
        parameters = system.template_parameters(port, simulate=self.options.simulate, bind=self.server.bind)
        parameters |= {"Runtime": build.CONTAINERS.runtime, "Architecture": build.CONTAINERS.architecture}
        folder = self.workspace.sam_local
        folder.mkdir(exist_ok=True)
        document = container_template(build.for_containers(self.workspace), parameters, self.stack.credentials, port)
        write_whole(folder / "built.yaml", yaml.safe_dump(document, sort_keys=False))
        write_whole(folder / "template.yaml", yaml.safe_dump(from_sources(document), sort_keys=False))
        api_id = self.stack.require().outputs["ApiId"]
        variables = variables_in_containers(deployed_variables(self.stack), port, api_id)
        write_whole(folder / "env.json", json.dumps(variables, indent=2) + "\n")
        words = ["--template-file", str(folder / "built.yaml"), "--env-vars", str(folder / "env.json")]
        words += ["--region", environment.REGION, "--layer-cache-basedir", str(folder / "layers")]
        words += ["--add-host", f"{HOST_NAME}:host-gateway"]
        return words if self.pull else [*words, "--skip-pull-image"]

    def invoke(self, name: str, file: str) -> int:
        """Run a function on the event in a file, or on its sample, and return SAM's exit code.

        Its response goes to standard output; its log, and its response to CloudFormation, to standard error.
        """
        function = samples.named(project.resources(FUNCTION), name)
        sample = samples.with_tokens(samples.event_of(function, file), self.stack)
        command = [*environment.SAM, "local", "invoke", function, "--event", "-", *self.prepare()]
        with samples.answered(sample, bind=self.server.bind, host=HOST_NAME) as (event, received):
            try:
                ran = subprocess.run(
                    command,
                    input=event.encode(),
                    env=self.environment(),
                    cwd=PROJECT_ROOT,
                    check=False,
                    timeout=INVOKE_DEADLINE_S,
                )
            except subprocess.TimeoutExpired:
                raise RunnerError(f"{function} was not done after {INVOKE_DEADLINE_S:.0f} s.") from None
        for answer in received:
            print(f"The response to CloudFormation: {answer}", file=sys.stderr)
        return ran.returncode

    def start_api(self, port: int, warm: str) -> ProcessIdentity:
        """Start the API on a port of 127.0.0.1, and return before it is ready."""
        command = [*environment.SAM, "local", "start-api", "--port", str(port)]
        command += ["--warm-containers", warm, *self.prepare()]
        # Detached: a Ctrl-C reaches only the runner, which then asks SAM to end, once.
        return start_logged(
            command,
            environment=self.environment(),
            folder=PROJECT_ROOT,
            log=self.log,
            what="sam local start-api",
        )


def stop_api(api: ProcessIdentity) -> None:
    """Ask `start-api` to end, once, and wait while it removes its containers: a second signal would interrupt that."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(api.pid, signal.SIGTERM)
    if not happens(lambda: not api.alive(), STOP_DEADLINE_S):
        stop_group(api, grace_s=0)


def remove_containers(builds: Path = build.CONTAINER_BUILDS) -> None:
    """Remove the containers of built functions, which `start-api` sometimes leaves running without naming them.

    Docker may still be removing some of them, which it reports as an error of a second removal; those need time only.
    """

    def are_gone() -> bool:
        listed = docker("ps", "--all", "--no-trunc", "--format", "{{.ID}} {{.Mounts}}").splitlines()
        left = [line.split()[0] for line in listed if str(builds) in line]
        if left:
            with contextlib.suppress(RunnerError):
                docker("rm", "--force", *left)
        return not left

    wait_until(are_gone, STOP_DEADLINE_S, "Docker does not remove the functions' containers.", pause_s=0.5)


@contextlib.contextmanager
def data_plane(
    options: Options, progress: Progress, *, pull: bool, unchanged: bool = False, keep: bool = False
) -> Iterator[Containers]:
    """Run the emulator, with the stack, at an address that containers reach.

    It ends with the block unless it was running before or is to be kept. With `unchanged`, nothing is deployed to a
    running one. One that is to be kept and runs where no container reaches it is restarted, with its data.
    """
    workspace, address = commands.WORKSPACE, reachable_address()
    with system.only_one(workspace):
        before = emulator.running(workspace)
        if before is None and options.bind is None:
            options = replace(options, bind=address)
        elif before is not None and before.bind == environment.HOST != address:
            if not keep:
                raise RunnerError(
                    f"Sitewatch is running bound to {before.bind}, which no container reaches: make down stops it."
                )
            with progress.step("Stopping the emulator …", f"The emulator moves from {before.bind} to {address}"):
                system.take_down(workspace)
            options = replace(options, bind=address, port=options.port or before.port)
        stack = Stack.read(workspace.stack) if before and unchanged else system.bring_up(workspace, options, progress)
        server = emulator.running(workspace)
    if server is None:
        raise failure("The emulator", "has ended", workspace.log)
    try:
        yield Containers(server, stack, options, pull)
    finally:
        if before is None and not keep:
            with system.only_one(workspace):
                system.take_down(workspace)


def serve(options: Options, progress: Progress, *, port: int, warm: str, pull: bool) -> None:
    """Run the API in containers until Ctrl-C, which stops it, and the emulator if this started it.

    Raises KeyboardInterrupt when all has stopped, and RunnerError also if one of the two ends by itself.
    """
    if not emulator.port_is_free(port):
        raise RunnerError(f"Port {port} is in use by something else; another one: make sam-local API_PORT={port + 1}")
    url = f"http://127.0.0.1:{port}"
    with contextlib.ExitStack() as running:
        containers = running.enter_context(data_plane(options, progress, pull=pull))
        log, server, began = containers.log, containers.server, time.monotonic()
        with progress.step(f"Starting containers ({warm}) …", f"sam local listens on {url}"):
            api = containers.start_api(port, warm)
            running.callback(remove_containers)
            running.callback(stop_api, api)
            running.callback(ignore_interrupts)
            what = "sam local start-api"
            wait_until_healthy(f"{url}/check", api, READY_DEADLINE_S, log=log, what=what, timeout_s=60)
        progress.say(f"Ready in {time.monotonic() - began:.1f} s. Ctrl-C stops it, and the emulator with it.\n")
        progress.say(f"  Base URL   {url}")
        progress.say(f"  Data       {server.endpoint_url}")
        progress.say(f"  Log        {log}")
        test = f"make conformance ENGINE=sam-local BASE_URL={url} ENDPOINT={server.endpoint_url}"
        progress.say(f"  To test    {test}\n")
        try:
            while api.alive() and server.alive():
                time.sleep(0.5)
        except KeyboardInterrupt:
            progress.say("Stopping …")
            raise
        if server.alive():
            raise failure(what, "has ended", log)
        raise failure("The emulator", "has ended", containers.workspace.log)
