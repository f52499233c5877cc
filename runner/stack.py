"""The running system as tests, tools and people see it: `stack.json`."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import botocore.session
from botocore.config import Config

from runner.errors import RunnerError
from runner.local.environment import CREDENTIALS
from runner.workspace import LOCAL_FOLDER, Workspace, write_whole

NO_SETTINGS_OF_THE_USER = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}
"""botocore's session variables: (configuration name, environment variable, default, conversion)."""


@dataclass(frozen=True, slots=True)
class Stack:
    """A deployed Sitewatch.

    `base_url` has no slash at its end; every path of the API goes behind it. `users` maps usernames to passwords.
    """

    base_url: str
    endpoint_url: str
    region: str
    stack_name: str
    detections_stream: str
    users: dict[str, str] = field(repr=False)

    @staticmethod
    def read(file: Path = LOCAL_FOLDER / "stack.json") -> "Stack":
        """What `make up` wrote.

        Raises RunnerError where there is none, or it is not whole.
        """
        try:
            return Stack(**json.loads(file.read_text(encoding="utf-8")))
        except FileNotFoundError:
            raise RunnerError(f"{file} is missing: nothing is deployed; make up does it.") from None
        except (ValueError, TypeError) as error:
            raise RunnerError(f"{file} is not as make up writes it: {error}") from error

    def write(self, workspace: Workspace) -> None:
        """Put this in the place of the workspace's `stack.json`."""
        write_whole(workspace.stack, json.dumps(asdict(self), indent=2) + "\n")

    def client(self, service: str) -> Any:
        """A botocore client of one AWS service of the emulator, as its root account."""
        return aws_client(service, self.endpoint_url, self.region)


def aws_client(service: str, endpoint_url: str, region: str, **settings: Any) -> Any:
    """A botocore client of the emulator that no setting of the user's reaches: profile, file, variable or proxy.

    `settings` are botocore's own (`Config`).
    """
    session = botocore.session.Session(session_vars=NO_SETTINGS_OF_THE_USER)
    config = Config(
        connect_timeout=5, read_timeout=60, retries={"mode": "standard", "max_attempts": 3}, proxies={}, **settings
    )
    return session.create_client(
        service,
        endpoint_url=endpoint_url,
        region_name=region,
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        config=config,
    )
