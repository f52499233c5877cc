"""Settings, which template.yaml passes to functions as environment variables."""

import os


class MissingSetting(RuntimeError):
    """The template does not set a variable that the function reads."""


def text(name: str) -> str:
    """The value of the environment variable ``name``.

    Raises
    ------
    MissingSetting
        If the variable is not set, which is a mistake in the template.

    """
    try:
        return os.environ[name]
    except KeyError:
        raise MissingSetting(name) from None


def integer(name: str) -> int:
    """The value of ``name`` as an integer."""
    return int(text(name))


def names(name: str) -> list[str]:
    """The value of ``name`` as a comma-separated list, stripped and without empty entries."""
    return [entry.strip() for entry in text(name).split(",") if entry.strip()]


def function_name() -> str:
    """The name of the running function, which Lambda sets; empty outside Lambda."""
    return os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "")
