"""GET /openapi.json: get the OpenAPI document, which ``make openapi`` generates."""

from aws_lambda_powertools.event_handler import Response

from portal import files
from sitewatch.api import PUBLIC, Api

app = Api(ignores_query=True, access=PUBLIC)

_DOCUMENT = files.File.read(files.HERE / "openapi.json", files.JSON, max_age=300)


@app.route(
    "/openapi.json",
    method=["GET", "HEAD"],
    summary="Get the OpenAPI document",
    tags=["portal"],
    responses=files.responses(files.JSON, "object"),
)
def get_openapi() -> Response[str]:
    """Every route with its parameters, request body and responses."""
    return files.respond(app, _DOCUMENT)


handler = app.resolve
