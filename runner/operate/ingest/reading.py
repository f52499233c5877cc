"""Read the records of a text: CSV of any dialect, or JSON Lines."""

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TextIO

from runner.errors import RunnerError

MAX_LINE_LENGTH = 1024 * 1024
MAX_HEADER_LINES = 20
UNDECODED = "not in the file's encoding: if the file is not UTF-8, set ENCODING, for example to latin-1"
MAX_DIGITS = 9
SEPARATORS = ",;\t|"
SEPARATOR_LINE = re.compile(r'"?sep=(.)"?[\r\n]*', re.IGNORECASE)
"""What Excel writes and reads before the header."""


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a CSV of one kind of record.

    Columns with other names are ignored. `aliases` maps other names of a column to its own. Cells under `numbers` are
    whole numbers. Cells under `verbatim` keep the blanks around them.
    """

    what: str
    needed: tuple[str, ...]
    optional: tuple[str, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)
    numbers: frozenset[str] = frozenset()
    verbatim: frozenset[str] = frozenset()

    def of(self, cells: list[str]) -> list[str]:
        """The column of each cell of a header; empty for those that are ignored."""
        names = [cell.strip().lower() for cell in cells]
        names = [self.aliases.get(name, name) for name in names]
        return [name if name in self.needed or name in self.optional else "" for name in names]


class Row(NamedTuple):
    """A record, or what is wrong with it, and the number of the line that it begins on."""

    line: int
    content: Any
    problem: str = ""


class BadLine(ValueError):
    """A line that cannot be read."""


class Lines:
    """The lines of a text, and the number of the last one."""

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self.number = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        """The next line. Raises BadLine, after skipping it, if it is too long."""
        line = self._text.readline(MAX_LINE_LENGTH + 1)
        if not line:
            raise StopIteration
        self.number += 1
        if len(line) <= MAX_LINE_LENGTH:
            return line
        while line and not line.endswith(("\n", "\r")):
            line = self._text.readline(MAX_LINE_LENGTH)
        raise BadLine(f"longer than {MAX_LINE_LENGTH} characters")


def rows(text: TextIO, columns: Columns) -> Iterator[Row]:
    """Yield the rows of a text, without empty ones. JSON Lines begin with a brace; CSV does not.

    Raises RunnerError if it is neither, or if a needed column is missing or appears twice.
    """
    lines = Lines(text)
    try:
        first = next((line for line in lines if line.strip("\ufeff\r\n\t ")), "").removeprefix("\ufeff")
    except BadLine as error:
        raise RunnerError(f"The file is neither CSV nor JSON Lines: line {lines.number} is {error}.") from None
    if not first:
        return
    if first.lstrip().startswith("{"):
        yield _from_json(lines.number, first)
        yield from _json_rows(lines)
    else:
        yield from _csv_rows(lines, first, columns)


def _json_rows(lines: Lines) -> Iterator[Row]:
    while True:
        try:
            line = next(lines)
        except StopIteration:
            return
        except BadLine as error:
            yield Row(lines.number, None, str(error))
            continue
        if line.strip():
            yield _from_json(lines.number, line)


def _is_decoded(text: str) -> bool:
    """Whether a text has no surrogates, which stand for bytes that are not of the encoding."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _from_json(number: int, line: str) -> Row:
    if not _is_decoded(line):
        return Row(number, None, UNDECODED)
    try:
        return Row(number, json.loads(line))
    except (ValueError, RecursionError) as error:
        return Row(number, None, f"not JSON: {error}")


def _csv_rows(lines: Lines, first: str, columns: Columns) -> Iterator[Row]:
    separator, names = _header(lines, first, columns)
    reader = csv.reader(lines, delimiter=separator, strict=True)
    while True:
        begin = lines.number + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except (csv.Error, BadLine) as error:
            yield Row(begin, None, _problem(error, begin, lines.number))
            continue
        if any(map(str.strip, cells)):
            yield _from_cells(begin, cells, names, columns)


def _problem(error: Exception, begin: int, end: int) -> str:
    """Why a row is not CSV. Raises RunnerError if it is unknown where the row ends."""
    if begin == end:
        return str(error) if isinstance(error, BadLine) else f"not CSV: {error}"
    if "unexpected end" in str(error):
        return f"not CSV: a quote opens here and never closes, so the rest of the file, to line {end}, is this row"
    if isinstance(error, BadLine) or "limit" in str(error):
        raise RunnerError(f"line {begin}: a quote opens here and does not close. What follows is not read.")
    return f"not CSV: {error} (the row ends on line {end})"


def _header(lines: Lines, first: str, columns: Columns) -> tuple[str, list[str]]:
    """Find the separator under which the header has the most needed columns; returns it and each cell's column."""
    separators = SEPARATORS
    try:
        if named := SEPARATOR_LINE.fullmatch(first):
            separators, first = named[1], next(lines, "\n")
        begin = lines.number
        while first.count('"') % 2 and lines.number < begin + MAX_HEADER_LINES:
            first += next(lines, '"')
        headers = {
            separator: columns.of(next(csv.reader(io.StringIO(first, newline=""), delimiter=separator)))
            for separator in separators
        }
    except (csv.Error, TypeError, ValueError) as error:
        raise RunnerError(f"The file is neither CSV nor JSON Lines: {error}.") from error

    def found(separator: str) -> int:
        return len(set(headers[separator]).intersection(columns.needed))

    separator = max(separators, key=found)
    names = headers[separator]
    if not found(separator):
        raise RunnerError(
            f"The file is neither JSON Lines nor a CSV of {columns.what}: its first line names no "
            f"{', '.join(columns.needed)}, separated by {_spoken(separators)}."
        )
    if missing := [name for name in columns.needed if name not in names]:
        raise RunnerError(f"The CSV's header, separated by {_spoken(separator)}, names no {', '.join(missing)}.")
    if twice := sorted({name for name in names if name and names.count(name) > 1}):
        raise RunnerError(f"The CSV's header names {', '.join(twice)} more than once.")
    return separator, names


def _spoken(separators: str) -> str:
    words = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
    return " or ".join(words.get(separator, f"{separator!r}") for separator in separators)


def _from_cells(line: int, cells: list[str], names: list[str], columns: Columns) -> Row:
    """An empty cell is an absent field."""
    if len(cells) > len(names) and any(cell.strip() for cell in cells[len(names) :]):
        return Row(line, None, f"{len(cells)} cells under {len(names)} columns")
    record: dict[str, object] = {}
    for name, cell in zip(names, cells, strict=False):
        bare = cell.strip()
        if not name or not bare:
            continue
        if not _is_decoded(bare):
            return Row(line, None, f"{name}: {UNDECODED}")
        record[name] = cell if name in columns.verbatim else bare
        if name in columns.numbers and bare.isascii() and bare.isdecimal() and len(bare) <= MAX_DIGITS:
            record[name] = int(bare)
    return Row(line, record)
