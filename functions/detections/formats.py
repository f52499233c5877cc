"""Find the detections in a record's bytes, or name the format that they have instead.

It accepts one JSON object, a list of objects, several of either one after another (JSON Lines, for example), a KPL
aggregate of any of these, and gzip of any of these. It needs no settings, so that the runner can use it too.
"""

import gzip
import io
import json
import re
import zlib
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any

from detections import aggregate, sniffing

MAX_UNPACKED_BYTES = 8 * 1024 * 1024
"""Of everything that is compressed in one record."""
MAX_PARTS = 20_000
"""In one record: as many as fit into 1 MiB."""

_GZIP = b"\x1f\x8b"
_MAX_LAYERS = 4


class NoDetections(ValueError):
    """Nothing in the bytes is a JSON object. The message names their format."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a record: its bytes, and the JSON value in them or, without one, the ``problem`` (not empty)."""

    data: bytes
    value: Any = None
    problem: str = ""


def parts(data: bytes) -> list[Part]:
    """The parts of a record, in order; at least one of them is a JSON object.

    Raises
    ------
    NoDetections
        If nothing is a JSON object, or if there is too much to unpack.

    """
    found: list[Part] = []
    for part in _Reader().read(data):
        found.append(part)
        if len(found) > MAX_PARTS:
            raise NoDetections(f"more than {MAX_PARTS} parts in one record")
    if any(isinstance(part.value, dict) for part in found):
        return found
    problems = [part.problem for part in found if part.problem]
    raise NoDetections(problems[0] if problems else "a JSON list without objects")


class _Reader:
    """Reads one record, and limits how much it unpacks in total."""

    def __init__(self) -> None:
        self._left = MAX_UNPACKED_BYTES

    def read(self, data: bytes, layers: int = 0) -> Iterator[Part]:
        if layers > _MAX_LAYERS:
            yield Part(data, problem=f"packed more than {_MAX_LAYERS} times")
        elif data.startswith(_GZIP):
            yield from self._in_gzip(data, layers + 1)
        elif aggregate.is_aggregate(data):
            yield from self._in_aggregate(data, layers + 1)
        else:
            yield from _in_text(data)

    def _in_gzip(self, data: bytes, layers: int) -> Iterator[Part]:
        try:
            with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
                unpacked = file.read(self._left + 1)
        except (OSError, EOFError, zlib.error):
            yield Part(data, problem="damaged gzip")
            return
        self._left -= len(unpacked)
        if self._left < 0:
            raise NoDetections(f"gzip of more than {MAX_UNPACKED_BYTES} bytes")
        yield from self.read(unpacked, layers)

    def _in_aggregate(self, data: bytes, layers: int) -> Iterator[Part]:
        try:
            records = aggregate.user_records(data)
        except ValueError as error:
            yield Part(data, problem=f"a damaged KPL aggregate: {error}")
        else:
            for record in records:
                yield from self.read(record, layers)


class _Broken(ValueError):
    """The text is not JSON at ``place``."""

    def __init__(self, message: str, place: int) -> None:
        super().__init__(message)
        self.place = place


def _integer(digits: str) -> int | str:
    # Python refuses longer ones. No field has such a number, so any other type will do.
    return int(digits) if len(digits) <= _MAX_DIGITS else digits


_MAX_DIGITS = 100
_DECODER = json.JSONDecoder(parse_int=_integer)
_SPACE = re.compile(r"[ \t\n\r]*")
# After an error, the next object or list that begins a line; indented ones may belong to what is broken.
_NEXT_LINE = re.compile(r"\n(?=[{\[])")


def _in_text(data: bytes) -> Iterator[Part]:
    try:
        text = data.decode("utf-8-sig")
    except ValueError:
        yield Part(data, problem=sniffing.name_of(data))
        return
    at = _skip(text, 0)
    if not text.startswith(("{", "["), at) or text.startswith("\0", at + 1):  # UTF-16 has zeros between
        yield Part(data, problem=sniffing.name_of(data))
        return
    while at < len(text):
        read = _list if text[at] == "[" else _value
        at = _skip(text, (yield from read(text, at)))


def _value(text: str, start: int) -> Generator[Part, None, int]:
    """Read the value at ``start``, and return where it ends."""
    try:
        value, end = _decode(text, start)
    except _Broken as error:
        return (yield from _broken(text, start, error))
    yield Part(text[start:end].encode(), value)
    return end


def _list(text: str, start: int) -> Generator[Part, None, int]:
    """Read the list at ``start``, entry by entry, and return where it ends."""
    at = _skip(text, start + 1)
    if text.startswith("]", at):
        return at + 1
    while True:
        try:
            value, end = _decode(text, at)
            after = _separator(text, end)
        except _Broken as error:
            return (yield from _broken(text, at, error))
        yield Part(text[at:end].encode(), value)
        if text[after] == "]":
            return after + 1
        at = _skip(text, after + 1)


def _separator(text: str, at: int) -> int:
    """The place of the comma or bracket that follows an entry of a list."""
    at = _skip(text, at)
    if not text.startswith((",", "]"), at):
        raise _Broken("Expecting ',' or ']'", at)
    return at


def _broken(text: str, start: int, error: _Broken) -> Generator[Part, None, int]:
    """Take what begins at ``start`` as broken, and return where to go on.

    That is at the line of the error or later, never before it, so that no text is read more than twice.
    """
    line = text.rfind("\n", start, error.place + 1)
    found = _NEXT_LINE.search(text, error.place if line == -1 else line)
    end = found.end() if found else len(text)
    read = text[start : error.place]
    where = f"line {read.count(chr(10)) + 1}, column {len(read) - read.rfind(chr(10))}"
    yield Part(text[start:end].rstrip().encode(), problem=f"JSON with an error in {where}: {error}")
    return end


def _decode(text: str, start: int) -> tuple[Any, int]:
    try:
        return _DECODER.raw_decode(text, start)
    except json.JSONDecodeError as error:
        raise _Broken(error.msg, error.pos) from None
    except RecursionError:
        raise _Broken("nested too deeply", len(text)) from None


def _skip(text: str, at: int) -> int:
    """The next place that has no white space."""
    found = _SPACE.match(text, at)
    return found.end() if found else at
