"""The deployment that environment variables name, as ``make conformance BASE_URL=…`` sets them.

``BASE_URL``, ``ENGINE`` (default: aws), ``ENDPOINT`` (of its AWS services, or ``aws`` for the user's own settings;
without it the tests reach the API only), ``STACK`` (default: sitewatch), and the users: ``SITEWATCH_ADMIN``,
``SITEWATCH_ADMIN_PASSWORD``, ``SITEWATCH_USER``, ``SITEWATCH_USER_PASSWORD`` (default: a local system's users).
"""

import os
from collections.abc import Mapping

from runner.local.environment import REGION
from runner.stack import STACK_NAME, Stack
from runner.workspace import LOCAL_FOLDER, Workspace

ENGINES = ("emulator", "sam-local", "localstack", "aws")
ON_AWS = "aws"
CREDENTIALS_FILE = Workspace(LOCAL_FOLDER).credentials


def engine(variables: Mapping[str, str] = os.environ) -> str:
    """The engine of the deployment under test; without ``BASE_URL`` it is the emulator on this machine.

    Raises ValueError for an unknown engine.
    """
    name = (variables.get("ENGINE") or ON_AWS) if variables.get("BASE_URL") else "emulator"
    if name not in ENGINES:
        raise ValueError(f"ENGINE is one of {', '.join(ENGINES)}, not {name}.")
    return name


def named(variables: Mapping[str, str] = os.environ) -> Stack:
    """The deployment at ``BASE_URL``. If the tests reach only its API, ``detections_stream`` is empty."""
    name, endpoint = variables.get("STACK") or STACK_NAME, variables.get("ENDPOINT", "")
    users = [
        (variables.get(f"SITEWATCH_{role}") or username, variables.get(f"SITEWATCH_{role}_PASSWORD") or password)
        for role, username, password in (("ADMIN", "admin", "admin"), ("USER", "daikiri", "tekila"))
    ]
    return Stack(
        base_url=variables["BASE_URL"].rstrip("/"),
        endpoint_url="" if endpoint == ON_AWS else endpoint.rstrip("/"),
        region=variables.get("AWS_REGION") or variables.get("AWS_DEFAULT_REGION") or REGION,
        stack_name=name,
        detections_stream=f"{name}-detections" if endpoint else "",
        users=dict(users),
        credentials_file=str(CREDENTIALS_FILE) if endpoint and engine(variables) in ("emulator", "sam-local") else "",
    )
