"""The deployment under test, and which parts of it the tests can reach."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import botocore.session

from runner.local.environment import REGION
from runner.stack import Stack

ENGINES = ("emulator", "sam-local", "localstack", "aws")
ON_AWS = "aws"
"""The value of ``ENDPOINT`` for a deployment on AWS: its services are reached with the user's own settings."""


class StackOnAws(Stack):
    """A deployment on AWS."""

    def client(self, service: str) -> Any:
        """A botocore client with the user's own AWS settings."""
        return botocore.session.get_session().create_client(service, region_name=self.region)


@dataclass(frozen=True, slots=True)
class Target:
    """A deployment. ``stack`` is its AWS side (stream, queues, topic), or None if only its API can be reached."""

    base_url: str
    engine: str
    stack_name: str
    admin: tuple[str, str] = field(repr=False)
    user: tuple[str, str] = field(repr=False)
    stack: Stack | None
    is_own: bool = False
    """Whether it is an emulator on this machine."""


def of_stack(stack: Stack) -> Target:
    """The emulator's deployment on this machine."""
    return Target(
        base_url=stack.base_url,
        engine="emulator",
        stack_name=stack.stack_name,
        admin=("admin", stack.users["admin"]),
        user=("daikiri", stack.users["daikiri"]),
        stack=stack,
        is_own=True,
    )


def of_variables(variables: Mapping[str, str] = os.environ) -> Target:
    """The deployment that the environment variables name, as ``make conformance BASE_URL=…`` sets them.

    ``BASE_URL``, ``ENGINE`` (default: aws), ``ENDPOINT`` (of its AWS services, or ``aws``; without it the tests reach
    the API only), ``STACK`` (default: sitewatch), and the users: ``SITEWATCH_ADMIN``, ``SITEWATCH_ADMIN_PASSWORD``,
    ``SITEWATCH_USER``, ``SITEWATCH_USER_PASSWORD`` (default: a local system's users).

    Raises ValueError for an unknown engine.
    """
    engine = variables.get("ENGINE") or ON_AWS
    if engine not in ENGINES:
        raise ValueError(f"ENGINE is one of {', '.join(ENGINES)}, not {engine}.")
    base_url, name = variables["BASE_URL"].rstrip("/"), variables.get("STACK") or "sitewatch"
    admin, user = (
        (variables.get(f"SITEWATCH_{role}") or username, variables.get(f"SITEWATCH_{role}_PASSWORD") or password)
        for role, username, password in (("ADMIN", "admin", "admin"), ("USER", "daikiri", "tekila"))
    )
    stack = None
    if endpoint := variables.get("ENDPOINT"):
        kind = StackOnAws if endpoint == ON_AWS else Stack
        stack = kind(
            base_url=base_url,
            endpoint_url=endpoint.rstrip("/"),
            region=variables.get("AWS_REGION") or variables.get("AWS_DEFAULT_REGION") or REGION,
            stack_name=name,
            detections_stream=f"{name}-detections",
            users=dict([admin, user]),
        )
    return Target(base_url=base_url, engine=engine, stack_name=name, admin=admin, user=user, stack=stack)
