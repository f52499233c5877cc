"""Progress on the terminal: one line for each step, with the time it took."""

import contextlib
import time
from collections.abc import Iterator

from rich.console import Console

STEP_WIDTH = 58


class Progress:
    """Shows a spinner while a step runs (on a terminal only) and a line when it is done."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)

    @contextlib.contextmanager
    def step(self, doing: str, done: str) -> Iterator[None]:
        """Show `doing` while the block runs, and `done` if it ends without an exception."""
        began = time.monotonic()
        with self.console.status(doing):
            yield
        self.console.print(f"{done:<{STEP_WIDTH}} {time.monotonic() - began:6.1f} s", markup=False)

    def say(self, line: str) -> None:
        """Print one line."""
        self.console.print(line, markup=False, soft_wrap=True)


class Silence(Progress):
    """Prints nothing; for tests."""

    def __init__(self) -> None:
        super().__init__(Console(quiet=True))
