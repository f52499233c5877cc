"""What a person sees while the runner works: one line a step, with its time."""

import contextlib
import time
from collections.abc import Iterator

from rich.console import Console

STEP_WIDTH = 58


class Progress:
    """Steps on the terminal: a spinner while one runs, a line when it is done. Without a terminal the lines only."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)

    @contextlib.contextmanager
    def step(self, doing: str, done: str) -> Iterator[None]:
        """Show that something is being done, and that it is done when the block ends without an exception."""
        began = time.monotonic()
        with self.console.status(doing):
            yield
        self.console.print(f"{done:<{STEP_WIDTH}} {time.monotonic() - began:6.1f} s", markup=False)

    def say(self, line: str) -> None:
        """Print one line."""
        self.console.print(line, markup=False, soft_wrap=True)


class Silence(Progress):
    """No output at all, for tests."""

    def __init__(self) -> None:
        super().__init__(Console(quiet=True))
