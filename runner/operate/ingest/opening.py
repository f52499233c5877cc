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

from detections.sniffing import name_of_binary
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
PACKED = ("ZIP", "gzip", "bzip2", "xz", "Zstandard", "LZ4", "Snappy", "7-Zip")
TEXTS = (
    (b"%pdf-", "a PDF document", SAVE_AS_CSV),
    (b"{\\rtf", "an RTF document", SAVE_AS_CSV),
    (b"<!doctype html", "an HTML page", CONVERT),
    (b"<html", "an HTML page", CONVERT),
    (b"<?xml", "an XML file", CONVERT),
    (b"[", "one JSON array", "JSON Lines has an object on each line, without commas: jq -c '.[]' makes it."),
)
"""How a text that is neither CSV nor JSON Lines begins, what it is, and what to do with it."""


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
    kind = _kind_of_text(head) if _is_text(head, encoding) else _kind_of_binary(head, encoding)
    if kind is not None:
        what, advice = kind
        raise UsageError(f"{shown} is {what}, neither CSV nor JSON Lines. {advice}")


def _is_text(head: bytes, encoding: str) -> bool:
    if any(head.startswith(mark) for mark, _ in BYTE_ORDER_MARKS):
        return True
    with contextlib.suppress(UnicodeDecodeError):
        return "\0" not in codecs.getincrementaldecoder(encoding or "utf-8")().decode(head)
    return False


def _kind_of_text(head: bytes) -> tuple[str, str] | None:
    beginning = head.removeprefix(codecs.BOM_UTF8).lstrip().lower()
    return next(((what, advice) for each, what, advice in TEXTS if beginning.startswith(each)), None)


def _kind_of_binary(head: bytes, encoding: str) -> tuple[str, str] | None:
    if head.startswith(b"PK"):
        if b"opendocument.spreadsheet" in head:
            return "an OpenDocument spreadsheet (.ods)", SAVE_AS_CSV
        if b"xl/" in head or b"docProps/" in head or b"[Content_Types].xml" in head:
            return "an Excel workbook (.xlsx) or another Office document", SAVE_AS_CSV
    name = name_of_binary(head)
    if name == "UTF-16 text":
        byte_order = "le" if 0 in head[1::2] else "be"
        return "UTF-16 text without a byte order mark", f"Set ENCODING=utf-16-{byte_order}."
    if not name:
        return ("binary data", CONVERT) if b"\0" in head and not encoding else None
    if "Excel or Word" in name:
        return name, SAVE_AS_CSV
    return name, UNPACK if any(packed in name for packed in PACKED) else CONVERT


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
