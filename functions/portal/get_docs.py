"""GET /docs: Swagger UI for the OpenAPI document. Powertools, in the layer, ships its files."""

from pathlib import Path

import aws_lambda_powertools
from aws_lambda_powertools.event_handler import Response

from portal import files
from sitewatch.api import PUBLIC, Api
from sitewatch.errors import NOT_FOUND, ApiError

app = Api(ignores_query=True, access=PUBLIC, errors=[NOT_FOUND])

_SWAGGER_UI = Path(aws_lambda_powertools.__file__).parent / "event_handler" / "openapi" / "swagger_ui"
_DAY = 24 * 60 * 60
_POLICY = {
    # Load nothing from other hosts and run no inline scripts. Swagger UI's images are data URLs in its style sheet.
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


@app.route(
    "/docs",
    method=["GET", "HEAD"],
    summary="Read the API documentation",
    tags=["portal"],
    responses=files.responses("text/html"),
)
def get_docs() -> Response[str]:
    """Swagger UI: read about each route, log in with Authorize, and try requests."""
    return files.respond(app, files.File.read(files.HERE / "docs.html", files.HTML, max_age=300, headers=_POLICY))


@app.get("/docs/<part>", summary="Get a documentation file", tags=["portal"], responses=files.responses("text/*"))
def get_docs_part(part: str) -> Response[str]:
    """A script or style sheet of the page."""
    if part not in _PARTS:
        raise ApiError(NOT_FOUND)
    path, media_type = _PARTS[part]
    return files.respond(app, files.File.read(path, media_type, max_age=_DAY))


handler = app.resolve
