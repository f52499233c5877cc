"""`sam local`: the functions in containers of Lambda's own runtime image, their data on the emulator."""

import contextlib
import http.client
import ipaddress
import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from runner import build, emulator, environment, local
from runner.deployment import STACK_NAME, Deployment, aws_errors_as_runner_errors, read_template
from runner.emulator import DEFAULT_PORT
from runner.errors import RunnerError
from runner.local import Options
from runner.processes import ProcessIdentity, tail
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
SAMPLES = PROJECT_ROOT / "events"
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
    """This machine's address on Docker's bridge, from the JSON of the bridge's IPAM configuration.

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


class Containers:
    """The functions in containers, against the data plane of a workspace that runs."""

    def __init__(self, workspace: Workspace, stack: Stack, *, simulate: bool, pull: bool) -> None:
        self.workspace = workspace
        self.stack = stack
        self.folder = workspace.home / "sam-local"
        self.pull = pull
        running = emulator.running(workspace)
        if running is None:
            raise RunnerError("The emulator has ended; see .local/emulator.log.")
        self.port = running.port
        self.parameters = {
            **local.template_parameters(running.port, simulate=simulate, bind=running.bind),
            "Runtime": TARGET.runtime,
            "Architecture": TARGET.architecture,
        }

    @property
    def log(self) -> Path:
        """What `sam local start-api` and the functions print."""
        return self.workspace.home / "sam-local.log"

    def prepare(self) -> list[str]:
        """Build for the runtime image and write the environment file; SAM's arguments that name them.

        Raises RunnerError.
        """
        built = build.build(self.workspace, build.source_fingerprint(), builds=BUILDS, target=TARGET)
        template = container_template(built)
        self.folder.mkdir(exist_ok=True)
        file = self.folder / "env.json"
        deployment = Deployment(self.workspace, self.stack.endpoint_url)
        deployed = deployment.describe()
        if deployed is None:
            raise RunnerError("The stack has gone from the emulator; make up deploys it.")
        variables = variables_in_containers(deployed_variables(deployment), self.port, deployed.output("ApiId"))
        write_whole(file, json.dumps(variables, indent=2) + "\n")
        environment.silence_version_check(self.workspace)
        arguments = ["--template-file", str(template), "--env-vars", str(file), "--region", environment.REGION]
        arguments += ["--add-host", f"{HOST_NAME}:host-gateway", "--layer-cache-basedir", str(self.folder / "layers")]
        arguments += [] if self.pull else ["--skip-pull-image"]
        return [
            *arguments,
            "--parameter-overrides",
            *(f"{name}={value}" for name, value in self.parameters.items()),
        ]

    def environment(self) -> dict[str, str]:
        """The environment of `sam local`: credentials of the emulator's root account, and where Docker is."""
        return environment.sam(self.workspace)
