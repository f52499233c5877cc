"""A deployed stack, wherever it is: what the commands of operations find queues, functions and secrets by.

Without a name it is the local system of `make up`. With one it is a stack that the user's own AWS settings reach: on
AWS, or on an engine that AWS_ENDPOINT_URL names.
"""

import argparse
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, NoRegionError

from runner.errors import RunnerError
from runner.stack import Stack
from runner.workspace import LOCAL_FOLDER

STACK_FILE = LOCAL_FOLDER / "stack.json"


@dataclass(frozen=True, slots=True)
class Deployed:
    """A deployed stack. `client` makes a botocore client of a service there."""

    name: str
    client: Callable[[str], Any]
    is_local: bool

    def resources(self, kind: str) -> dict[str, str]:
        """The physical ids of the stack's resources of one type, by their names in the template."""
        return resources_of(self.client("cloudformation"), self.name, kind)

    def resource(self, logical_id: str, kind: str) -> str:
        """The physical id of one resource.

        Raises RunnerError where the stack has none of that name and type.
        """
        try:
            return self.resources(kind)[logical_id]
        except KeyError:
            raise RunnerError(f"The stack {self.name} has no {logical_id}: is it a Sitewatch?") from None


def resources_of(cloudformation: Any, stack: str, kind: str) -> dict[str, str]:
    """The physical ids of a stack's resources of one type, by their names in the template."""
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
    return {
        each["LogicalResourceId"]: each["PhysicalResourceId"]
        for page in pages
        for each in page["StackResourceSummaries"]
        if each["ResourceType"] == kind
    }


def find(stack: str | None, region: str | None = None, file: Path = STACK_FILE) -> Deployed:
    """The local system, or the stack of that name by the user's AWS settings.

    Raises RunnerError where there is no local system.
    """
    if stack is None:
        local = Stack.read(file)
        return Deployed(local.stack_name, local.client, is_local=True)
    # botocore itself looks for AWS_DEFAULT_REGION only.
    region = region or os.environ.get("AWS_REGION")
    return Deployed(stack, partial(_client_of_the_user, botocore.session.Session(), region), is_local=False)


def _client_of_the_user(session: Any, region: str | None, service: str) -> Any:
    """A client by the user's AWS settings.

    Raises RunnerError where they do not hold.
    """
    config = Config(connect_timeout=5, read_timeout=60, retries={"mode": "standard", "total_max_attempts": 5})
    try:
        return session.create_client(service, region_name=region, config=config)
    except NoRegionError:
        raise RunnerError("No region: name one with AWS_REGION.") from None
    except BotoCoreError as error:
        raise RunnerError(f"Your AWS settings do not hold: {error}") from error


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Let a command's user say which stack it is about."""
    parser.add_argument("--stack", help="a stack by your AWS settings; else the local system")
    parser.add_argument("--region", help="the stack's region, where your settings name none")
