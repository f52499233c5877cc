"""Clean environments for what the runner starts: nothing of the user's AWS settings gets in."""

import json
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from runner.workspace import Workspace

REGION = "us-east-1"
HOST = "127.0.0.1"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
"""The emulator's root account."""

NO_AWS_SETTINGS = {
    **CREDENTIALS,
    "AWS_DEFAULT_REGION": REGION,
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}

INSTALLER_PREFIXES = ("PIP_", "SSL_CERT_", "REQUESTS_CA_", "CURL_CA_")
INSTALLER_NAMES = frozenset(
    [
        "HOME",
        "USER",
        "LOGNAME",
        "http_proxy",
        "https_proxy",
        "no_proxy",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "NO_PROXY",
        "XDG_CONFIG_HOME",
        "XDG_CACHE_HOME",
    ]
)
"""What pip finds its packages by, on a machine that has settings for that."""

WARM_SECONDS = 60
"""How long a function's second and later workers stay: a burst's memory goes a minute after it."""


def endpoint_url(port: int) -> str:
    """Where an emulator on this machine answers."""
    return f"http://{HOST}:{port}"


def search_path() -> str:
    """PATH with this interpreter's folder first, where SAM looks for the python of the functions' runtime."""
    rest = os.environ.get("PATH", os.defpath)
    return os.pathsep.join([str(Path(sys.executable).parent), rest])


def emulator(workspace: Workspace, port: int, *, persist: bool) -> dict[str, str]:
    """The whole environment of the emulator, and so of every function that it runs."""
    return {
        **NO_AWS_SETTINGS,
        "PATH": search_path(),
        "HOME": str(workspace.scratch),
        "TMPDIR": str(workspace.scratch),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONNOUSERSITE": "1",
        "BIND_HOST": HOST,
        "GATEWAY_PORT": str(port),
        "MINISTACK_REGION": REGION,
        "AUTH": "true",
        "PERSIST_STATE": "1" if persist else "0",
        "STATE_DIR": str(workspace.state),
        "S3_PERSIST": "1" if persist else "0",
        "S3_DATA_DIR": str(workspace.objects),
        "LAMBDA_EXECUTOR": "local",
        "LAMBDA_WARM_TTL_SECONDS": str(WARM_SECONDS),
        # Listeners of services that nothing here uses, on every interface.
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        # Keeps its hands off the user's containers.
        "DOCKER_HOST": f"unix://{workspace.home / 'no-docker.sock'}",
    }


def sam(workspace: Workspace, port: int | None = None, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a SAM command; with `port`, one that talks to the emulator there."""
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
    if port is not None:
        environment["AWS_ENDPOINT_URL"] = endpoint_url(port)
        for name in ("no_proxy", "NO_PROXY"):
            environment[name] = ",".join(filter(None, [inherited.get(name), HOST]))
    return environment


def silence_version_check(workspace: Workspace) -> None:
    """Tell SAM that it has just looked for a newer version of itself, so that it does not."""
    settings = {"telemetryEnabled": False, "lastVersionCheck": time.time()}
    (workspace.cli / "metadata.json").write_text(json.dumps(settings), encoding="utf-8")
