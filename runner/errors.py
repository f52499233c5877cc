"""The runner's one error, and what a command makes of it."""

import sys
from collections.abc import Callable

INTERRUPTED = 130


class RunnerError(Exception):
    """Something that the person at the keyboard can mend; its text is the whole message, one clear line first."""


def exit_code(command: Callable[[], int | None]) -> int:
    """Run a command: its exit code (None is 0), 1 with a line on standard error where it fails, 130 after a Ctrl-C."""
    try:
        return command() or 0
    except RunnerError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
