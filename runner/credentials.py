"""The credentials of a local engine's root account, in an AWS credentials file."""

import configparser
import os
import secrets
import string
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from runner.errors import RunnerError

PROFILE = "sitewatch-local"
_LETTERS = string.ascii_uppercase + string.digits


@dataclass(frozen=True, slots=True)
class Credentials:
    """An access key of AWS."""

    access_key: str
    secret_key: str = field(repr=False)

    @classmethod
    def read(cls, file: Path) -> Self:
        """Read the profile `default` of a credentials file."""
        profiles = configparser.ConfigParser(default_section="", interpolation=None)
        try:
            profiles.read_string(file.read_text(encoding="utf-8"))
            profile = profiles["default"]
            return cls(profile["aws_access_key_id"], profile["aws_secret_access_key"])
        except (OSError, UnicodeError, configparser.Error, KeyError) as error:
            raise RunnerError(f"{file} is not a credentials file; make down, then make up writes it again.") from error

    @classmethod
    def random(cls) -> Self:
        """Make an access key that nobody can guess."""
        return cls("AKIA" + "".join(secrets.choice(_LETTERS) for _ in range(16)), secrets.token_urlsafe(30))

    def write(self, file: Path, endpoint_url: str, region: str) -> None:
        """Write a credentials file that only its owner can read. It also names the engine's address.

        The profile `default` is for commands on the local engine alone. `PROFILE` is for settings that must not
        reach AWS by mistake, such as the environment `local` in samconfig.toml.
        """
        profiles = configparser.ConfigParser(default_section="", interpolation=None)
        for name in ("default", PROFILE):
            keys = {name.lower(): value for name, value in self.variables().items()}
            profiles[name] = {**keys, "region": region, "endpoint_url": endpoint_url}
        file.unlink(missing_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as handle:
            profiles.write(handle)

    def variables(self) -> dict[str, str]:
        """Return the environment variables that AWS's tools read."""
        return {"AWS_ACCESS_KEY_ID": self.access_key, "AWS_SECRET_ACCESS_KEY": self.secret_key}


COMMON = Credentials("test", "test")
"""LocalStack's root account, and a stand-in where no credentials are needed."""
