"""`sam local`: the functions in containers of Lambda's own runtime image, their data on the emulator."""

import contextlib
import http
import ipaddress
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from runner.engines import samples
from runner.errors import RunnerError
from runner.local import build, emulator, environment, system
from runner.local.deployment import STACK_NAME, Deployment, aws_errors_as_runner_errors, read_template
from runner.local.emulator import Emulator
from runner.local.system import Options
from runner.processes import ProcessIdentity, start_logged, stop_group, tail
from runner.progress import Progress
from runner.stack import Stack
from runner.workspace import LOCAL_FOLDER, PROJECT_ROOT, Workspace, write_whole

HOST_NAME = "host.docker.internal"
"""What containers call this machine: Docker Desktop's own name, which `--add-host` gives them on Linux too."""
DEFAULT_API_PORT = 3000
READY_DEADLINE_S = 600.0
"""Fifty containers start one after the other on a small machine, and the image may have to be pulled before."""
STOP_DEADLINE_S = 120.0
INVOKE_DEADLINE_S = 600.0
BUILDS = LOCAL_FOLDER / "builds-containers"
TARGET = build.Target("python3.13", build.ARCHITECTURE)
ENDPOINT_VARIABLE = "AWS_ENDPOINT_URL"


# --- Docker ------------------------------------------------------------------------------------------


def docker(*arguments: str) -> str:
    """What a docker command prints.

    Raises RunnerError where there is no Docker, or it does not answer.
    """
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

    A gateway that was not configured is missing there in old versions; it is the subnet's first address then.
    """
    for network in json.loads(networks) or []:
        if network.get("Gateway"):
            return str(network["Gateway"])
        if network.get("Subnet"):
            return str(next(ipaddress.IPv4Network(network["Subnet"]).hosts()))
    raise RunnerError("Docker's bridge has no IPv4 network; name the address that containers reach: BIND=0.0.0.0")


def reachable_address() -> str:
    """Where the emulator has to listen for containers to reach it, and as few others as possible.

    On Linux that is this machine's address on Docker's bridge. Where Docker runs in a virtual machine (macOS, Windows),
    this machine has no such address, and Docker hands what containers send to `host.docker.internal` to 127.0.0.1.
    """
    address = bridge_address(docker("network", "inspect", "bridge", "--format", "{{json .IPAM.Config}}"))
    with socket.socket() as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return environment.HOST
    return address


# --- What the functions in containers are told -------------------------------------------------------


def container_template(built: Path) -> Path:
    """The built template with a variable more in every function: where AWS is. Beside the built one; its path.

    SAM fills in from an environment file what the template declares, and nothing else.
    """
    target = built.with_name("sam-local.yaml")
    template = read_template(built)
    template["Globals"]["Function"]["Environment"]["Variables"][ENDPOINT_VARIABLE] = ""
    write_whole(target, yaml.safe_dump(template, sort_keys=False))
    return target


def variables_in_containers(
    deployed: Mapping[str, Mapping[str, str]], port: int, api_id: str
) -> dict[str, dict[str, str]]:
    """An environment file for SAM: the deployed functions' variables, by logical id, as a container can use them.

    What points to this machine points to `host.docker.internal`. Where a function fills the API's id into an address
    by itself, it is filled in already: the id that SAM puts into a request is none that the emulator knows.
    """
    here = re.compile(rf"http://[A-Za-z0-9.]+:{port}(?=/|$)")
    there = f"http://{HOST_NAME}:{port}"
    return {
        function: {
            **{name: here.sub(there, value).replace("{api}", api_id) for name, value in variables.items()},
            ENDPOINT_VARIABLE: there,
        }
        for function, variables in deployed.items()
    }


def deployed_variables(deployment: Deployment) -> dict[str, dict[str, str]]:
    """The environment variables of every deployed function, by logical id: what `!Ref` and `!GetAtt` became.

    Raises RunnerError where the emulator does not answer.
    """
    functions, found = deployment.client("lambda"), {}
    with aws_errors_as_runner_errors("Asking for the functions' variables"):
        resources = deployment.client("cloudformation").describe_stack_resources(StackName=STACK_NAME)
        for resource in resources["StackResources"]:
            if resource["ResourceType"] == "AWS::Lambda::Function":
                configuration = functions.get_function_configuration(FunctionName=resource["PhysicalResourceId"])
                found[resource["LogicalResourceId"]] = configuration.get("Environment", {}).get("Variables", {})
    return found


# --- The data plane, and SAM in front of it ----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Containers:
    """How `sam local` runs the functions: the emulator with their data, and whether it may pull the runtime's image."""

    server: Emulator
    stack: Stack
    options: Options
    pull: bool

    @property
    def workspace(self) -> Workspace:
        """Where files go."""
        return self.server.workspace

    @property
    def log(self) -> Path:
        """What `sam local start-api` and the functions in it print."""
        return self.workspace.home / "sam-local.log"

    def built(self) -> Path:
        """The template, built for the runtime's image.

        Raises RunnerError.
        """
        return build.build(self.workspace, build.source_fingerprint(), builds=BUILDS, target=TARGET)

    def prepare(self) -> list[str]:
        """Build for the runtime's image and write the environment file; the arguments of SAM that name them.

        Raises RunnerError.
        """
        template = container_template(self.built())
        deployment = Deployment(self.workspace, self.server.endpoint_url)
        deployed = deployment.describe()
        if deployed is None:
            raise RunnerError("The stack has gone from the emulator; make up deploys it.")
        variables = variables_in_containers(deployed_variables(deployment), self.server.port, deployed.output("ApiId"))
        folder = self.workspace.home / "sam-local"
        folder.mkdir(exist_ok=True)
        write_whole(folder / "env.json", json.dumps(variables, indent=2) + "\n")
        environment.silence_version_check(self.workspace)
        parameters = {
            **system.template_parameters(self.server.port, simulate=self.options.simulate, bind=self.server.bind),
            "Runtime": TARGET.runtime,
            "Architecture": TARGET.architecture,
        }
        arguments = ["--template-file", str(template), "--env-vars", str(folder / "env.json")]
        arguments += ["--region", environment.REGION, "--layer-cache-basedir", str(folder / "layers")]
        arguments += ["--add-host", f"{HOST_NAME}:host-gateway"]
        arguments += [] if self.pull else ["--skip-pull-image"]
        return [*arguments, "--parameter-overrides", *(f"{name}={value}" for name, value in parameters.items())]

    def invoke(self, name: str, file: str) -> int:
        """Run a function on the event in a file, or on its sample; SAM's exit code.

        Its answer goes to standard output, its log to standard error; so does what it answers CloudFormation.
        Raises RunnerError.
        """
        function = samples.named(samples.functions_of(self.built()), name)
        sample = samples.with_tokens(samples.event_of(function, file), self.stack)
        command = [sys.executable, "-m", "samcli", "local", "invoke", function, "--event", "-", *self.prepare()]
        with samples.answered(sample, bind=self.server.bind, host=HOST_NAME) as (event, received):
            try:
                code = subprocess.run(
                    command,
                    input=event.encode(),
                    env=environment.sam(self.workspace),
                    cwd=PROJECT_ROOT,
                    check=False,
                    timeout=INVOKE_DEADLINE_S,
                ).returncode
            except subprocess.TimeoutExpired:
                raise RunnerError(f"{function} was not done after {INVOKE_DEADLINE_S:.0f} s.") from None
        for answer in received:
            print(f"CloudFormation was answered: {answer}", file=sys.stderr)
        return code

    def start_api(self, port: int, warm: str) -> ProcessIdentity:
        """Start the API on a port of 127.0.0.1; it is not ready yet.

        Raises RunnerError.
        """
        command = [sys.executable, "-m", "samcli", "local", "start-api", "--port", str(port)]
        command += ["--warm-containers", warm, *self.prepare()]
        # Detached: a Ctrl-C is for the runner alone, which then asks this one to end, once.
        return start_logged(
            command,
            environment=environment.sam(self.workspace),
            folder=PROJECT_ROOT,
            log=self.log,
            what="sam local start-api",
        )


def wait_until_ready(containers: Containers, api: ProcessIdentity, port: int) -> None:
    """Return when the API answers GET /check with 200.

    Raises RunnerError where it ends before, or does not within the deadline.
    """
    end = time.monotonic() + READY_DEADLINE_S
    while emulator.answers(port, "/check", timeout_s=60) != http.HTTPStatus.OK:
        if time.monotonic() >= end or not api.alive():
            reason = "did not answer in time" if api.alive() else "ended"
            raise RunnerError(
                f"sam local start-api {reason}; its log is {containers.log} and ends with:\n{tail(containers.log)}"
            )
        time.sleep(0.5)


def stop_api(api: ProcessIdentity) -> None:
    """Ask `start-api` to end, once, and wait while it removes its containers. A second signal would break that off."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(api.pid, signal.SIGTERM)
    end = time.monotonic() + STOP_DEADLINE_S
    while api.alive() and time.monotonic() < end:
        time.sleep(0.1)
    if api.alive():
        stop_group(api, grace_s=0)


def remove_containers(log: Path) -> None:
    """Remove the containers that `start-api` named in its log and left behind, as it does with one or the other."""
    started = set(
        re.findall(r"^SAM_CONTAINER_ID: ([0-9a-f]+)", log.read_text(encoding="utf-8", errors="replace"), re.MULTILINE)
    )
    left = started & set(docker("ps", "--all", "--quiet", "--no-trunc").split())
    if left:
        docker("rm", "--force", *left)


@contextlib.contextmanager
def data_plane(
    workspace: Workspace, options: Options, progress: Progress, *, pull: bool, as_it_is: bool = False
) -> Iterator[Containers]:
    """The emulator where containers reach it, with the stack on it; one that this starts ends with the block.

    With `as_it_is` nothing is deployed to one that runs already. Raises RunnerError.
    """
    address = reachable_address()
    with system.only_one(workspace):
        before = emulator.running(workspace)
        if before is None and options.bind is None:
            options = replace(options, bind=address)
        elif before is not None and before.bind == environment.HOST != address:
            raise RunnerError(
                f"Sitewatch runs bound to {before.bind}, where no container reaches it: make down stops it."
            )
        is_left_alone = before is not None and as_it_is
        stack = Stack.read(workspace.stack) if is_left_alone else system.bring_up(workspace, options, progress)
        server = emulator.running(workspace)
    if server is None:
        raise RunnerError(f"The emulator has ended; its log is {workspace.log}:\n{tail(workspace.log)}")
    try:
        yield Containers(server, stack, options, pull)
    finally:
        if before is None:
            with system.only_one(workspace):
                system.take_down(workspace)


def serve(workspace: Workspace, options: Options, progress: Progress, *, port: int, warm: str, pull: bool) -> int:
    """Run the API in containers until Ctrl-C, which stops it and the emulator that this started.

    Raises RunnerError, also where one of the two ends by itself.
    """
    if not emulator.port_is_free(port):
        raise RunnerError(f"Port {port} is in use by something else; another one: make sam-local API_PORT={port + 1}")
    with contextlib.ExitStack() as running:
        containers = running.enter_context(data_plane(workspace, options, progress, pull=pull))
        began = time.monotonic()
        with progress.step(f"Starting containers ({warm}) …", f"sam local listens on http://127.0.0.1:{port}"):
            api = containers.start_api(port, warm)
            running.callback(remove_containers, containers.log)
            running.callback(stop_api, api)
            wait_until_ready(containers, api, port)
        progress.say(f"Ready in {time.monotonic() - began:.1f} s. Ctrl-C stops it, and the emulator with it.\n")
        progress.say(f"  Base URL   http://127.0.0.1:{port}")
        progress.say(f"  Data       {containers.server.endpoint_url}")
        progress.say(f"  Log        {containers.log}")
        progress.say(
            f"  To test    make conformance ENGINE=sam-local BASE_URL=http://127.0.0.1:{port} "
            f"ENDPOINT={containers.server.endpoint_url}\n"
        )
        try:
            while api.alive() and containers.server.alive():
                time.sleep(0.5)
        except KeyboardInterrupt:
            progress.say("Stopping …")
            return 0
        ended = "sam local start-api" if containers.server.alive() else "The emulator"
        raise RunnerError(f"{ended} has ended; the log is {containers.log}:\n{tail(containers.log)}")
