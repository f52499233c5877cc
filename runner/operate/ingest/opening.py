"""Open a file of records as text: plain or gzip, in any encoding. Anything else is named for what it is."""

import codecs
import contextlib
import gzip
import hashlib
import io
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from runner.errors import RunnerError, UsageError
from sitewatch import ids

STANDARD_INPUT = "-"
HEAD_BYTES = 4096
BUFFER_BYTES = 64 * 1024
GZIP = b"\x1f\x8b"
FINGERPRINT_LENGTH = 16

BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins with the mark of UTF-16
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

SAVE_AS_CSV = "Open it in its program and save it as CSV (UTF-8)."
UNPACK = "Unpack it first."
CONVERT = "Convert it to CSV or JSON Lines first."
KINDS = (
    (b"\xd0\xcf\x11\xe0", "an old Excel or Word file (.xls, .doc)", SAVE_AS_CSV),
    (b"%PDF", "a PDF", SAVE_AS_CSV),
    (b"{\\rtf", "an RTF document", SAVE_AS_CSV),
    (GZIP, "gzip within gzip", UNPACK),
    (b"BZh", "a bzip2 file", UNPACK),
    (b"\xfd7zXZ", "an xz file", UNPACK),
    (b"\x28\xb5\x2f\xfd", "a Zstandard file", UNPACK),
    (b"7z\xbc\xaf", "a 7-Zip archive", UNPACK),
    (b"Rar!", "a RAR archive", UNPACK),
    (b"PAR1", "a Parquet file", CONVERT),
    (b"ORC", "an ORC file", CONVERT),
    (b"Obj\x01", "an Avro file", CONVERT),
    (b"ARROW1", "an Arrow file", CONVERT),
    (b"SQLite format 3\0", "an SQLite database", CONVERT),
    (b"\x89PNG", "a PNG image", CONVERT),
    (b"\xff\xd8\xff", "a JPEG image", CONVERT),
    (b"GIF8", "a GIF image", CONVERT),
    (b"<!doctype html", "an HTML page", CONVERT),
    (b"<html", "an HTML page", CONVERT),
    (b"<?xml", "an XML file", CONVERT),
    (b"[", "one JSON array", "JSON Lines has an object on each line, without commas: jq -c '.[]' makes it."),
)
"""How a file that is no text of ours begins, what it is, and what to do with it."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A file that is being read.

    `fingerprint` identifies the file's bytes, if the file can be read twice; for a pipe it is new every time.
    """

    text: TextIO
    source: BinaryIO
    fingerprint: str


@contextlib.contextmanager
def opened(name: str, encoding: str = "") -> Iterator[Opened]:
    """Open a file, or standard input for `-`, and report everything that goes wrong while it is read.

    The encoding is that of the byte order mark, or else UTF-8. Bytes that are not of this encoding become surrogates.
    Raises RunnerError if the file cannot be read, and UsageError without a name or if the file is of another kind.
    """
    if not name:
        raise UsageError("Name a file: make ingest FILE=docs/examples/vehicles.csv, or - for standard input.")
    shown = "Standard input" if name == STANDARD_INPUT else name
    with _read_errors(shown), contextlib.ExitStack() as stack:
        source: BinaryIO = sys.stdin.buffer if name == STANDARD_INPUT else stack.enter_context(Path(name).open("rb"))
        fingerprint = _fingerprint(source)
        head, plain = _peek(source)
        if head.startswith(GZIP):
            head, plain = _peek(gzip.GzipFile(fileobj=plain))
        _refuse_other_kinds(head, shown, encoding)
        found = next((each for mark, each in BYTE_ORDER_MARKS if head.startswith(mark)), "utf-8")
        yield Opened(
            io.TextIOWrapper(plain, encoding=encoding or found, errors="surrogateescape", newline=""),
            source,
            fingerprint,
        )


def encoding(text: str) -> str:
    """Parse the name of a text encoding."""
    try:
        "".encode(text)
    except LookupError:
        raise ValueError("an encoding that Python knows, such as latin-1, cp1252 or utf-16") from None
    return text


def _fingerprint(source: BinaryIO) -> str:
    if not source.seekable():
        return ids.new_id()
    here = source.tell()
    digest = hashlib.file_digest(source, "sha256").hexdigest()  # type: ignore[arg-type]  # typeshed wants more methods
    source.seek(here)
    return digest[:FINGERPRINT_LENGTH]


class _Rejoined(io.RawIOBase):
    """The bytes of `head`, then those of `rest`: a pipe cannot seek."""

    def __init__(self, head: bytes, rest: Any) -> None:
        self._head, self._rest = head, rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        part, self._head = self._head[: len(buffer)], self._head[len(buffer) :]
        part = part or self._rest.read1(len(buffer))
        buffer[: len(part)] = part
        return len(part)


def _peek(source: Any) -> tuple[bytes, io.BufferedReader]:
    """The first bytes, and a stream that begins with them."""
    head = source.read(HEAD_BYTES)
    return head, io.BufferedReader(_Rejoined(head, source), BUFFER_BYTES)


def _refuse_other_kinds(head: bytes, shown: str, encoding: str) -> None:
    kind = _zipped(head) if head.startswith(b"PK\x03\x04") else _kind(head, encoding)
    if kind is not None:
        what, advice = kind
        raise UsageError(f"{shown} is {what}, neither CSV nor JSON Lines. {advice}")


def _zipped(head: bytes) -> tuple[str, str]:
    if b"opendocument.spreadsheet" in head:
        return "an OpenDocument spreadsheet (.ods)", SAVE_AS_CSV
    if b"xl/" in head or b"docProps/" in head or b"[Content_Types].xml" in head:
        return "an Excel workbook (.xlsx) or another Office document", SAVE_AS_CSV
    return "a zip archive", UNPACK


def _kind(head: bytes, encoding: str) -> tuple[str, str] | None:
    lowered = head.removeprefix(codecs.BOM_UTF8).lstrip().lower()
    for beginning, what, advice in KINDS:
        if head.startswith(beginning) or lowered.startswith(beginning):
            return what, advice
    has_mark = any(head.startswith(mark) for mark, _ in BYTE_ORDER_MARKS)
    if encoding or has_mark or b"\0" not in head:
        return None
    for name, zeros in (("utf-16-le", head[1::2]), ("utf-16-be", head[::2])):
        if zeros.count(0) * 2 > len(zeros):
            return f"UTF-16 without a byte order mark, or binary data: if it is UTF-16, set ENCODING={name}", ""
    return "binary data", CONVERT


@contextlib.contextmanager
def _read_errors(shown: str) -> Iterator[None]:
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise RunnerError(f"{shown} is damaged: its gzip data is cut off or wrong.") from error
    except UnicodeDecodeError as error:
        raise RunnerError(f"{shown} is not {error.encoding}: set ENCODING.") from error
    except OSError as error:
        raise RunnerError(f"Cannot read {shown}: {error.strerror}.") from error
