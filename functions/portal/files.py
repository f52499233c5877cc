"""Serve static text files with an ETag and a cache lifetime."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aws_lambda_powertools.event_handler import Response

from sitewatch.api import Api

HERE = Path(__file__).parent
JSON = "application/json"
HTML = "text/html; charset=utf-8"
CSS = "text/css; charset=utf-8"
JAVASCRIPT = "text/javascript; charset=utf-8"


@dataclass(frozen=True, slots=True)
class File:
    """A text file, its media type, its cache lifetime in seconds, and extra headers."""

    text: str
    media_type: str
    max_age: int
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path, media_type: str, *, max_age: int, headers: Mapping[str, str] | None = None) -> "File":
        return cls(path.read_text(encoding="utf-8"), media_type, max_age, headers or {})


def responses(media_type: str, schema: str = "string") -> dict[int, Any]:
    """Describe for the OpenAPI document: a file, or a 304 if the client already has it."""
    return {
        200: {"description": "The file", "content": {media_type: {"schema": {"type": schema}}}},
        304: {"description": "Not modified (`If-None-Match`)"},
    }


def respond(app: Api, file: File) -> Response[str]:
    """Return ``file``, or a 304 if the client already has it (RFC 9110, section 13.1.2)."""
    tag = f'"{hashlib.sha256(file.text.encode()).hexdigest()[:32]}"'
    headers: dict[str, str | list[str]] = {
        "Cache-Control": f"public, max-age={file.max_age}",
        "ETag": tag,
        "X-Content-Type-Options": "nosniff",
        **file.headers,
    }
    held = app.current_event.headers.get("if-none-match") or ""
    if held == "*" or tag in [each.strip().removeprefix("W/") for each in held.split(",")]:
        return Response(status_code=304, body="", headers=headers)
    return Response(status_code=200, content_type=file.media_type, body=file.text, headers=headers)
