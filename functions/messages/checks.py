"""Validate a message in the order of the contract's checks, and report the first failure."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from pydantic import ConfigDict, TypeAdapter, ValidationError

from messages.model import MAX_PIXELS, MAX_TEXT_LENGTH, MAX_URL_LENGTH
from sitewatch.errors import (
    FORBIDDEN,
    INVALID_CONTENT,
    INVALID_HEIGHT,
    INVALID_QUERY,
    INVALID_RECEIVER_ID,
    INVALID_SENDER_ID,
    INVALID_SOURCE,
    INVALID_TEXT,
    INVALID_TYPE,
    INVALID_URL,
    INVALID_WIDTH,
    USER_NOT_FOUND,
    ApiError,
    ErrorCode,
)
from sitewatch.ids import UlidText

_SOURCES = ("youtube", "vimeo")
_ULID: TypeAdapter[str] = TypeAdapter(UlidText, config=ConfigDict(hide_input_in_errors=True))


@dataclass(frozen=True, slots=True)
class CheckedMessage:
    """A valid message. ``content`` has only the fields of its type."""

    sender: str
    recipient: str
    content: Mapping[str, Any]


def check(
    request: object, *, known_users: Callable[[Collection[str]], set[str]], may_send_as: Callable[[str], bool]
) -> CheckedMessage:
    """Validate ``request`` (any JSON data) and return its message.

    Parameters
    ----------
    known_users
        Returns those of the given ids that belong to users.
    may_send_as
        Whether the caller may send as the user with this id.

    Raises
    ------
    ApiError
        The first failed check, in the contract's order. An empty object counts as missing.

    """
    message = _object(request, INVALID_QUERY)
    recipient = _user_id(message.get("recipient_id"), INVALID_RECEIVER_ID)
    sender = _user_id(message.get("sender_id"), INVALID_SENDER_ID)
    content = _object(message.get("content"), INVALID_CONTENT)
    read_content = _READERS.get(_text(content.get("type"), INVALID_TYPE))
    if read_content is None:
        raise ApiError(INVALID_TYPE)
    users = known_users({recipient, sender})
    if recipient not in users or sender not in users:
        raise ApiError(USER_NOT_FOUND)
    if not may_send_as(sender):
        raise ApiError(FORBIDDEN)
    return CheckedMessage(sender, recipient, {"type": content["type"], **read_content(content)})


def _object(value: object, code: ErrorCode) -> Mapping[str, Any]:
    if not isinstance(value, dict) or not value:
        raise ApiError(code)
    return value


def _user_id(value: object, code: ErrorCode) -> str:
    try:
        return _ULID.validate_python(value, strict=True)
    except ValidationError:
        raise ApiError(code) from None


def _text(value: object, code: ErrorCode, *, max_length: int = 64) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= max_length:
        raise ApiError(code)
    return value


def _url(value: object) -> str:
    url = _text(value, INVALID_URL, max_length=MAX_URL_LENGTH)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:  # a malformed host or port
        raise ApiError(INVALID_URL) from None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise ApiError(INVALID_URL)
    if any(character <= " " or character == "\x7f" for character in url):
        raise ApiError(INVALID_URL)
    return url


def _pixels(value: object, code: ErrorCode) -> int:
    # In Python, bool is a subclass of int.
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= MAX_PIXELS:
        raise ApiError(code)
    return value


def _read_image(content: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "url": _url(content.get("url")),
        "width": _pixels(content.get("width"), INVALID_WIDTH),
        "height": _pixels(content.get("height"), INVALID_HEIGHT),
    }


def _read_video(content: Mapping[str, Any]) -> dict[str, Any]:
    url = _url(content.get("url"))
    source = _text(content.get("source"), INVALID_SOURCE)
    if source not in _SOURCES:
        raise ApiError(INVALID_SOURCE)
    return {"url": url, "source": source}


def _read_text(content: Mapping[str, Any]) -> dict[str, Any]:
    text = _text(content.get("text"), INVALID_TEXT, max_length=MAX_TEXT_LENGTH)
    if not text.strip():
        raise ApiError(INVALID_TEXT)
    return {"text": text}


_READERS: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "image": _read_image,
    "video": _read_video,
    "text": _read_text,
}
