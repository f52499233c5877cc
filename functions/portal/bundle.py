"""Serve the browser files that ``make assets`` builds; their manifest lists them."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from aws_lambda_powertools.event_handler import Response

_FOLDER = Path(__file__).parent / "assets"
_CONTENT_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
}
PAGE = "index.html"
CACHE_FOREVER = "public, max-age=31536000, immutable"
"""For files with a content hash in their name."""
REVALIDATE = "no-cache"


@cache
def manifest() -> Mapping[str, Any]:
    """Return the manifest: the built files, their hashes, and the packages they contain."""
    loaded: dict[str, Any] = json.loads((_FOLDER / "manifest.json").read_text(encoding="utf-8"))
    return loaded


@cache
def _text(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def respond(
    name: str, *, if_none_match: str | None, cache_control: str, headers: Mapping[str, str] | None = None
) -> Response[str]:
    """Return the file ``name`` of the manifest, or an empty 304 if the client already has it."""
    etag = f'"{manifest()["files"][name]["sha256"][:32]}"'
    is_known = etag in (if_none_match or "").replace("W/", "").replace(" ", "").split(",")
    return Response(
        status_code=304 if is_known else 200,
        content_type=_CONTENT_TYPES[Path(name).suffix],
        body="" if is_known else _text(name),
        headers={"Cache-Control": cache_control, "ETag": etag, "X-Content-Type-Options": "nosniff", **(headers or {})},
    )
