"""The runner's errors, and the exit code of each."""

import sys
from collections.abc import Callable

FAILED, BAD_USAGE, INTERRUPTED = 1, 2, 130


class RunnerError(Exception):
    """A failure that the user can fix. The text is the whole message; its first line says what is wrong."""


class UsageError(RunnerError):
    """A bad setting, or a command that was used wrongly."""


def exit_code(command: Callable[[], int | None]) -> int:
    """Run a command and return its exit code; None counts as 0.

    An error is printed to standard error: 2 for bad usage, 1 for any other RunnerError. Ctrl-C returns 130.
    """
    try:
        return command() or 0
    except RunnerError as error:
        print(error, file=sys.stderr)
        return BAD_USAGE if isinstance(error, UsageError) else FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
