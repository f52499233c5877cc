"""Name the format of bytes that are no detections, for the reason that a person reads."""

import base64
import json
import re
from collections.abc import Callable

_SIGNATURES = (
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"BM", "a BMP image"),
    (b"II*\0", "a TIFF image"),
    (b"MM\0*", "a TIFF image"),
    (b"%PDF-", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive (or a file of Excel, Word or Java)"),
    (b"PK\x05\x06", "an empty ZIP archive"),
    (b"\xd0\xcf\x11\xe0", "an old Excel or Word file"),
    (b"Obj\x01", "Avro"),
    (b"PAR1", "Parquet"),
    (b"ORC", "ORC"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\0", "xz"),
    (b"(\xb5/\xfd", "Zstandard"),
    (b"\x04\x22\x4d\x18", "LZ4"),
    (b"\xff\x06\x00\x00sNaPpY", "Snappy"),
    (b"\x1f\x8b", "gzip"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"SQLite format 3\0", "a SQLite database"),
    (b"OggS", "an Ogg file"),
    (b"ID3", "MP3 audio"),
    (b"fLaC", "FLAC audio"),
    (b"\xff\xfe\x00\x00", "UTF-32 text"),
    (b"\x00\x00\xfe\xff", "UTF-32 text"),
    (b"\xff\xfe", "UTF-16 text"),
    (b"\xfe\xff", "UTF-16 text"),
)
_RIFF = {b"WEBP": "a WebP image", b"WAVE": "WAV audio", b"AVI ": "an AVI video"}
_YAML_LINE = re.compile(r"[A-Za-z_]\w*:( |$)|- ")
_SAMPLE = 4096


def name_of(data: bytes) -> str:
    """The format of ``data``, as a person would say it: "a PNG image", "CSV text"."""
    binary = name_of_binary(data)
    if binary:
        return binary
    try:
        text = data.decode("utf-8-sig").strip()
    except ValueError:
        return "not UTF-8 text"
    return next((name for name, matches in _TEXTS if matches(text)), "text that is not JSON")


def name_of_binary(data: bytes) -> str:
    """The format of ``data``, or of a file that begins with it, if that is not text in UTF-8; else an empty text."""
    for signature, name in _SIGNATURES:
        if data.startswith(signature):
            return name
    if data[4:8] == b"ftyp":
        return "an MP4 video or HEIF image"
    if data.startswith(b"RIFF"):
        return _RIFF.get(data[8:12], "")
    return "UTF-16 text" if _is_utf_16(data[:_SAMPLE]) else ""


def _is_utf_16(sample: bytes) -> bool:
    """Whether every second byte, or nearly so, is a zero, as in Latin text."""
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    return min(even, odd) == 0 < max(even, odd) and max(even, odd) * 3 >= len(sample)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _is_base64_of_json(text: str) -> bool:
    try:
        return base64.b64decode(text, validate=True).lstrip()[:1] in (b"{", b"[")
    except ValueError:
        return False


def _is_yaml(text: str) -> bool:
    lines = text[:_SAMPLE].splitlines()[:2]
    return text.startswith("---") or (len(lines) > 1 and all(map(_YAML_LINE.match, lines)))


def _is_csv(text: str) -> bool:
    first, *others = text[:_SAMPLE].splitlines()[:2]
    return any(mark in first and all(mark in line for line in others) for mark in ",;\t|")


_TEXTS: tuple[tuple[str, Callable[[str], object]], ...] = (
    ("empty", lambda text: not text),
    ("HTML", re.compile(r"<(!doctype\s+html|html)\b", re.IGNORECASE).match),
    ("XML", re.compile("<").match),
    ("JSON, but not an object", _is_json),
    ("JSON in base64", _is_base64_of_json),
    ("a form (URL-encoded)", re.compile(r"[\w.%+-]+=[^\s&]*(&[\w.%+-]+=[^\s&]*)+").fullmatch),
    ("YAML", _is_yaml),
    ("CSV text", _is_csv),
)
