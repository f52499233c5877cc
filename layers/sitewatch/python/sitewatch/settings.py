"""Settings that the template hands to a function as environment variables."""

import os


class MissingSetting(RuntimeError):
    """The template does not hand this function a variable that its code reads."""


def text(name: str) -> str:
    """The value of the environment variable ``name``.

    Raises
    ------
    MissingSetting
        Where the variable is not set: a mistake in the template, not in a request.

    """
    try:
        return os.environ[name]
    except KeyError:
        raise MissingSetting(name) from None


def integer(name: str) -> int:
    """The value of ``name`` as a whole number."""
    return int(text(name))


def names(name: str) -> list[str]:
    """The value of ``name``, a comma-separated list, without blanks and empty entries."""
    return [entry.strip() for entry in text(name).split(",") if entry.strip()]
