"""GET /docs: Swagger UI over the OpenAPI document. Its parts come with Powertools, from the layer."""

from pathlib import Path
from typing import Any

import aws_lambda_powertools
from aws_lambda_powertools.event_handler import Response

from portal import files
from sitewatch.api import PUBLIC, Api
from sitewatch.errors import NOT_FOUND, ApiError

app = Api(access=PUBLIC, errors=[NOT_FOUND])

_SWAGGER_UI = Path(aws_lambda_powertools.__file__).parent / "event_handler" / "openapi" / "swagger_ui"
_DAY = 24 * 60 * 60
_POLICY = {
    # Nothing from elsewhere, and no script in the page. Its pictures are in its style sheet.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}
_PARTS = {
    "swagger-ui.js": (_SWAGGER_UI / "swagger-ui-bundle.min.js", files.JAVASCRIPT),
    "swagger-ui.css": (_SWAGGER_UI / "swagger-ui.min.css", files.CSS),
    "start.js": (files.HERE / "docs.js", files.JAVASCRIPT),
    "page.css": (files.HERE / "docs.css", files.CSS),
}


def _answers(media_type: str) -> dict[int, Any]:
    return {
        200: {"description": "The file", "content": {media_type: {"schema": {"type": "string"}}}},
        304: {"description": "As the client has it (`If-None-Match`)"},
    }


@app.get("/docs", summary="Read the API's documents", tags=["portal"], responses=_answers("text/html"))
def get_docs() -> Response[str]:
    """Swagger UI: read about each route, log in with Authorize, and try it out."""
    return files.answer(app, files.File.read(files.HERE / "docs.html", files.HTML, max_age=300, headers=_POLICY))


@app.get("/docs/<part>", summary="Get a part of the documents' page", tags=["portal"], responses=_answers("text/*"))
def get_docs_part(part: str) -> Response[str]:
    """A script or a style sheet that the page asks for."""
    if part not in _PARTS:
        raise ApiError(NOT_FOUND)
    path, media_type = _PARTS[part]
    return files.answer(app, files.File.read(path, media_type, max_age=_DAY))


handler = app.resolve
