"""The result of an import so far, and a bar that shows it."""

import io
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import BinaryIO

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from runner.operate.ingest.reading import Row


@dataclass
class Tally:
    """The result so far. `complain` is called with each bad line, `advance` after each request."""

    put: int = 0
    bad: int = 0
    began: float = field(default_factory=time.monotonic)
    complain: Callable[[str], None] = print
    advance: Callable[[], None] = lambda: None

    def reject(self, row: Row, problem: str) -> None:
        """Count a bad line and report it."""
        self.bad += 1
        self.complain(f"line {row.line}: {problem}")

    def accept(self, count: int) -> None:
        """Count rows that were put."""
        self.put += count
        self.advance()

    def summary(self) -> str:
        """The summary that is printed at the end."""
        seconds = time.monotonic() - self.began
        return f"{self.put:,} put, {self.bad:,} bad, {seconds:.1f} s, {self.put / max(seconds, 0.001):,.0f} a second"


@contextmanager
def bar(source: BinaryIO, tally: Tally, console: Console) -> Iterator[None]:
    """Show how much of a file is read, on a terminal."""
    size = None
    if source.seekable():  # a pipe has no size
        here = source.tell()
        size = source.seek(0, io.SEEK_END)
        source.seek(here)
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task("0 put", total=size)

        def advance() -> None:
            read = None if size is None else source.tell()
            progress.update(task, description=f"{tally.put:,} put", completed=read)

        tally.advance = advance
        yield
