"""The credentials of a local engine's root account, in an AWS credentials file."""

import configparser
import os
import secrets
import string
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from runner.errors import RunnerError

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
    def made(cls, file: Path) -> Self:
        """Read a credentials file, or write one with a random key that only its owner can read."""
        try:
            file.chmod(0o600)
            return cls.read(file)
        except (FileNotFoundError, RunnerError):
            file.unlink(missing_ok=True)
        credentials = cls("AKIA" + "".join(secrets.choice(_LETTERS) for _ in range(16)), secrets.token_urlsafe(30))
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as handle:
            handle.write(
                f"[default]\naws_access_key_id = {credentials.access_key}\n"
                f"aws_secret_access_key = {credentials.secret_key}\n"
            )
        return credentials

    def variables(self) -> dict[str, str]:
        """Return the environment variables that AWS's tools read."""
        return {"AWS_ACCESS_KEY_ID": self.access_key, "AWS_SECRET_ACCESS_KEY": self.secret_key}


COMMON = Credentials("test", "test")
"""LocalStack's root account, and a stand-in where no credentials are needed."""
