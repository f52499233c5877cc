"""The runner's errors, and the exit code of each."""


class RunnerError(Exception):
    """A failure that the user can fix. The text is the whole message; its first line says what is wrong.

    Every function of the runner raises it if it cannot do what its docstring says.
    """

    exit_code = 1


class UsageError(RunnerError):
    """A bad setting, or a command that was used wrongly."""

    exit_code = 2
