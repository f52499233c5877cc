"""Check what somebody wants to send, in the order of the contract; the first failure is what is reported."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from pydantic import TypeAdapter, ValidationError

from messages.model import LONGEST_TEXT, LONGEST_URL, MOST_PIXELS
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
_ULID: TypeAdapter[str] = TypeAdapter(UlidText)


@dataclass(frozen=True, slots=True)
class CheckedMessage:
    """A message that may be delivered. ``content`` has what its type has, and nothing else."""

    sender: str
    recipient: str
    content: Mapping[str, Any]


def check(
    request: object, *, known: Callable[[Collection[str]], set[str]], may_send_as: Callable[[str], bool]
) -> CheckedMessage:
    """The message that ``request`` (JSON data of any shape) asks to deliver.

    Parameters
    ----------
    known
        Gives those of some ids that are users'.
    may_send_as
        Whether who asks may send as this user.

    Raises
    ------
    ApiError
        What is wrong with it, by the contract's order. An empty object counts as none.

    """
    message = _object(request, INVALID_QUERY)
    recipient = _user_id(message.get("recipient_id"), INVALID_RECEIVER_ID)
    sender = _user_id(message.get("sender_id"), INVALID_SENDER_ID)
    content = _object(message.get("content"), INVALID_CONTENT)
    read = _READERS.get(_text(content.get("type"), INVALID_TYPE))
    if read is None:
        raise ApiError(INVALID_TYPE)
    users = known({recipient, sender})
    if recipient not in users or sender not in users:
        raise ApiError(USER_NOT_FOUND)
    if not may_send_as(sender):
        raise ApiError(FORBIDDEN)
    return CheckedMessage(sender, recipient, {"type": content["type"], **read(content)})


def _object(value: object, code: ErrorCode) -> Mapping[str, Any]:
    if not isinstance(value, dict) or not value:
        raise ApiError(code)
    return value


def _user_id(value: object, code: ErrorCode) -> str:
    try:
        return _ULID.validate_python(value, strict=True)
    except ValidationError:
        raise ApiError(code) from None


def _text(value: object, code: ErrorCode, *, longest: int = 64) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= longest:
        raise ApiError(code)
    return value


def _url(value: object) -> str:
    url = _text(value, INVALID_URL, longest=LONGEST_URL)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:  # no such address, no such port
        raise ApiError(INVALID_URL) from None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise ApiError(INVALID_URL)
    if any(character <= " " or character == "\x7f" for character in url):
        raise ApiError(INVALID_URL)
    return url


def _pixels(value: object, code: ErrorCode) -> int:
    # A bool is an int to Python, and not to anybody else.
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= MOST_PIXELS:
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
    return {"text": _text(content.get("text"), INVALID_TEXT, longest=LONGEST_TEXT)}


_READERS: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "image": _read_image,
    "video": _read_video,
    "text": _read_text,
}
