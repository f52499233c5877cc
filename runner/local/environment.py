"""Clean environments for the processes that the runner starts, without any of the user's AWS settings."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from runner.credentials import COMMON, Credentials
from runner.workspace import Workspace

REGION = "us-east-1"
STAGE_NAME = "v1"
HOST = "127.0.0.1"
"""The emulator's default address, which only this machine reaches."""
EVERY_INTERFACE = "0.0.0.0"  # noqa: S104 - only if BIND says so
SAM = (sys.executable, "-m", "samcli")

NO_AWS_SETTINGS = {
    **COMMON.variables(),
    "AWS_DEFAULT_REGION": REGION,
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}

INSTALLER_PREFIXES = ("PIP_", "SSL_CERT_", "REQUESTS_CA_", "CURL_CA_", "DOCKER_")
PROXIES = ("http_proxy", "https_proxy", "no_proxy")
INSTALLER_NAMES = frozenset(
    ["HOME", "TMPDIR", "USER", "LOGNAME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", *PROXIES, *map(str.upper, PROXIES)]
)
"""Settings with which pip finds packages and SAM finds Docker, on machines that have them."""

WARM_SECONDS = 30
"""How long a function's second and later workers stay: the memory of a burst is free half a minute later."""


def endpoint_url(port: int, bind: str = HOST) -> str:
    """The URL at which this machine reaches an emulator that listens on `bind`."""
    return f"http://{reachable(bind)}:{port}"


def reachable(bind: str) -> str:
    """The address at which this machine reaches a server that listens on `bind`."""
    return HOST if bind == EVERY_INTERFACE else bind


def search_path() -> str:
    """PATH with this interpreter's folder first: SAM looks there for the Python of the functions' runtime."""
    rest = os.environ.get("PATH", os.defpath)
    return os.pathsep.join([str(Path(sys.executable).parent), rest])


def emulator_python() -> str:
    """The interpreter that runs the emulator and every function in it."""
    return str(Path(sys.prefix, "emulator", "bin", "python"))


def queue_address(port: int, bind: str = HOST) -> str:
    """The address in the URLs of the emulator's queues."""
    return f"{bind if reachable(bind) != HOST else 'localhost'}:{port}"


def emulator(
    workspace: Workspace, port: int, credentials: Credentials, *, persist: bool, bind: str = HOST
) -> dict[str, str]:
    """The environment of the emulator, and so of every function that it runs. `credentials` are its root account's."""
    # Without these, functions and custom resources look for it at 127.0.0.1.
    elsewhere = (
        {"AWS_ENDPOINT_URL": endpoint_url(port, bind), "MINISTACK_HOST": bind} if reachable(bind) != HOST else {}
    )
    return {
        **elsewhere,
        **NO_AWS_SETTINGS,
        **credentials.variables(),
        "PATH": search_path(),
        "HOME": str(workspace.scratch),
        "TMPDIR": str(workspace.scratch),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONNOUSERSITE": "1",
        "BIND_HOST": bind,
        "GATEWAY_PORT": str(port),
        "MINISTACK_REGION": REGION,
        "GUARD_STAGE": STAGE_NAME,
        "AUTH": "true",
        "PERSIST_STATE": "1" if persist else "0",
        "STATE_DIR": str(workspace.state),
        "PROCESS_FILE": str(workspace.process),
        "QUEUE_ADDRESS": queue_address(port, bind),
        "S3_PERSIST": "1" if persist else "0",
        "S3_DATA_DIR": str(workspace.objects),
        "SITEWATCH_LAYERS": str(workspace.layers),
        "LAMBDA_EXECUTOR": "local",
        "LAMBDA_WARM_TTL_SECONDS": str(WARM_SECONDS),
        # Services that nothing here uses, which would listen on every interface.
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        # Keeps it away from the user's containers.
        "DOCKER_HOST": f"unix://{workspace.home / 'no-docker.sock'}",
    }


def sam(workspace: Workspace, endpoint: str | None = None, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a SAM command. With an endpoint, SAM makes its AWS calls there, as `extra` says who."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name in INSTALLER_NAMES or name.startswith(INSTALLER_PREFIXES)
    }
    environment = {
        **inherited,
        **NO_AWS_SETTINGS,
        "PATH": search_path(),
        "LANG": "C.UTF-8",
        "PYTHONNOUSERSITE": "1",
        "SAM_CLI_TELEMETRY": "0",
        "__SAM_CLI_APP_DIR": str(workspace.cli),
        **(extra or {}),
    }
    if endpoint is not None:
        environment["AWS_ENDPOINT_URL"] = endpoint
        host = urlsplit(endpoint).hostname
        for name in ("no_proxy", "NO_PROXY"):
            environment[name] = ",".join(filter(None, [inherited.get(name), host]))
    return environment
