"""A deployed Sitewatch: the local system, as `.local/stack.json` describes it, or a stack on AWS."""

import argparse
import contextlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, Self

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError

from runner.credentials import COMMON, Credentials
from runner.errors import RunnerError, UsageError
from runner.http_client import get
from runner.workspace import LOCAL_FOLDER, PROJECT_ROOT, write_whole

STACK_NAME = "sitewatch"
STACK_FILE = LOCAL_FOLDER / "stack.json"
LOCALSTACK_FILE = LOCAL_FOLDER / "localstack.json"
"""What `make localstack` writes."""
READY_PATH = "/_ministack/ready"
UPDATE_DEADLINE_S = 3600
CONFIG = Config(connect_timeout=5, read_timeout=60, retries={"mode": "standard", "total_max_attempts": 5})
NO_USER_SETTINGS = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}
"""botocore's session variables: (configuration name, environment variable, default, conversion)."""


@dataclass(frozen=True, slots=True)
class Description:
    """What CloudFormation reports about a stack."""

    status: str
    changed: str
    """The stack's id and the time of its last change: different after every deployment that changed something."""
    parameters: Mapping[str, str]
    outputs: Mapping[str, str]
    rollback: Mapping[str, Any] = field(default_factory=dict)
    """CloudFormation's `RollbackConfiguration`."""


@dataclass(frozen=True, slots=True)
class Stack:
    """A deployed Sitewatch.

    `base_url` has no slash at its end. `endpoint_url` is a local engine's address; if it is empty, the user's own AWS
    settings reach the stack. `users` maps usernames to passwords: the first is an
    administrator, the last is the demo user. `credentials_file` is the AWS credentials file of a local engine, relative
    to the project's root; if it is empty, the engine takes anybody.
    """

    base_url: str
    endpoint_url: str
    region: str
    stack_name: str
    detections_stream: str
    users: dict[str, str] = field(repr=False)
    credentials_file: str = ""

    @classmethod
    def named(
        cls, stack_name: str = STACK_NAME, *, endpoint_url: str = "", region: str = "", credentials_file: str = ""
    ) -> Self:
        """A stack of which only the name, the address and the credentials are known."""
        return cls("", endpoint_url, region, stack_name, "", {}, credentials_file)

    @classmethod
    def read(cls, file: Path = STACK_FILE) -> Self:
        """Read what `make up` wrote."""
        try:
            return cls(**json.loads(file.read_text(encoding="utf-8")))
        except FileNotFoundError:
            raise RunnerError(f"{file} is missing: nothing is deployed; make up does it.") from None
        except (ValueError, TypeError) as error:
            raise RunnerError(f"{file} is not as make up writes it: {error}") from error

    def write(self, file: Path) -> None:
        """Replace a file with this description."""
        write_whole(file, json.dumps(asdict(self), indent=2) + "\n")

    @property
    def admin(self) -> tuple[str, str]:
        """An administrator's username and password."""
        return next(iter(self.users.items()))

    @property
    def user(self) -> tuple[str, str]:
        """The demo user's username and password."""
        return list(self.users.items())[-1]

    @property
    def is_local(self) -> bool:
        """Whether the stack is on a local engine, not on AWS."""
        return bool(self.endpoint_url)

    @property
    def credentials(self) -> Credentials:
        """The credentials of a local engine's root account."""
        return Credentials.read(PROJECT_ROOT / self.credentials_file) if self.credentials_file else COMMON

    def client(self, service: str) -> Any:
        """A botocore client of one AWS service: of a local engine as its root account, else by the user's settings."""
        if self.endpoint_url:
            return aws_client(service, self.endpoint_url, self.region, self.credentials)
        # botocore itself reads AWS_DEFAULT_REGION only.
        region = self.region or os.environ.get("AWS_REGION")
        try:
            return botocore.session.Session().create_client(service, region_name=region, config=CONFIG)
        except NoRegionError:
            raise RunnerError("No region: set AWS_REGION, or make up a local system first.") from None
        except BotoCoreError as error:
            raise RunnerError(f"Your AWS settings do not work: {error}") from error

    def describe(self) -> Description | None:
        """What CloudFormation reports; None if nothing is deployed."""
        with aws_errors("Describing the stack"):
            try:
                [stack] = self.client("cloudformation").describe_stacks(StackName=self.stack_name)["Stacks"]
            except ClientError as error:
                if error.response["Error"]["Code"] != "ValidationError":
                    raise
                return None
        if stack["StackStatus"] == "DELETE_COMPLETE":
            return None
        changed = stack.get("LastUpdatedTime", stack["CreationTime"])
        return Description(
            status=stack["StackStatus"],
            changed=f"{stack['StackId']} {changed.isoformat()}",
            parameters={each["ParameterKey"]: each["ParameterValue"] for each in stack.get("Parameters", [])},
            outputs={each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])},
            rollback=stack.get("RollbackConfiguration", {}),
        )

    def require(self) -> Description:
        """What CloudFormation reports; raises RunnerError if nothing is deployed."""
        described = self.describe()
        if described is None:
            raise RunnerError(f"There is no stack {self.stack_name}.")
        return described

    def update(self, current: Description, changed: Mapping[str, str], **settings: Any) -> None:
        """Change some of the stack's parameters, keep its template and other parameters, and wait until that is done.

        `settings` are other arguments of UpdateStack. Raises WaiterError if CloudFormation rolls the update back.
        """
        parameters: list[dict[str, Any]] = [
            {"ParameterKey": name, "ParameterValue": value} for name, value in changed.items()
        ]
        kept = [name for name in current.parameters if name not in changed]
        parameters += [{"ParameterKey": name, "UsePreviousValue": True} for name in kept]
        cloudformation = self.client("cloudformation")
        cloudformation.update_stack(
            StackName=self.stack_name,
            UsePreviousTemplate=True,
            Parameters=parameters,
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
            **settings,
        )
        delay_s = 1 if self.is_local else 15
        waiting = {"Delay": delay_s, "MaxAttempts": UPDATE_DEADLINE_S // delay_s}
        cloudformation.get_waiter("stack_update_complete").wait(StackName=self.stack_name, WaiterConfig=waiting)

    def resources(self, kind: str) -> dict[str, str]:
        """The physical ids of the stack's resources of one type (all types if it is empty), by logical id."""
        pages = self.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=self.stack_name)
        listed = [each for page in pages for each in page["StackResourceSummaries"]]
        return {
            each["LogicalResourceId"]: each["PhysicalResourceId"]
            for each in listed
            if kind in ("", each["ResourceType"])
        }

    def resource(self, logical_id: str, kind: str) -> str:
        """The physical id of one resource."""
        try:
            return self.resources(kind)[logical_id]
        except KeyError:
            raise RunnerError(f"The stack {self.stack_name} has no {logical_id}: is it a Sitewatch?") from None


def find(parsed: argparse.Namespace) -> Stack:
    """The stack that a command works on; see `runner.arguments.add_stack`."""
    if parsed.stack:
        return Stack.named(parsed.stack, region=parsed.region)
    return Stack.read(Path(parsed.stack_file) if parsed.stack_file else running_file())


def running_file(local: Path = STACK_FILE, localstack: Path = LOCALSTACK_FILE) -> Path:
    """The description of the local system, or of the stack on LocalStack if the local system does not run."""
    if localstack.exists():
        with contextlib.suppress(RunnerError):
            endpoint = Stack.read(local).endpoint_url
            return local if get(f"{endpoint}{READY_PATH}")[0] == HTTPStatus.OK else localstack
        return localstack
    return local


def choose(names: Iterable[str], given: str, *, suffix: str, variable: str) -> str:
    """The one of these names that the user means: `jobs`, `Jobs` and `JobsQueue` are all `JobsQueue`.

    Raises UsageError, with all names, if it is none of them.
    """

    def short(name: str) -> str:
        return name.replace("_", "").lower().removesuffix(suffix.lower())

    known = {short(name): name for name in names}
    if short(given) not in known:
        listed = ", ".join(sorted(name.removesuffix(suffix) for name in known.values()))
        raise UsageError(f"{variable} is one of {listed}, not {given or 'empty'}.")
    return known[short(given)]


@contextlib.contextmanager
def aws_errors(what: str) -> Iterator[None]:
    """Turn the errors of AWS calls into a RunnerError: `what` failed."""
    try:
        yield
    except NoCredentialsError:
        raise RunnerError("There are no AWS credentials here.") from None
    except (BotoCoreError, ClientError) as error:
        raise RunnerError(f"{what} failed: {error}") from error


def aws_client(service: str, endpoint_url: str, region: str, credentials: Credentials, **settings: Any) -> Any:
    """A botocore client of a local engine. It ignores the user's own profile, files, variables and proxies.

    `settings` are botocore's own (`Config`).
    """
    return botocore.session.Session(session_vars=NO_USER_SETTINGS).create_client(
        service,
        endpoint_url=endpoint_url,
        region_name=region,
        aws_access_key_id=credentials.access_key,
        aws_secret_access_key=credentials.secret_key,
        config=CONFIG.merge(Config(proxies={}, **settings)),
    )
