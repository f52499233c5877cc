"""GET /assets/{file}: get a file that the dashboard loads."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Header, Path

from portal import bundle, files
from sitewatch.api import PUBLIC, Api
from sitewatch.errors import NOT_FOUND, ApiError

app = Api(ignores_query=True, access=PUBLIC, errors=[NOT_FOUND])


@app.get(
    "/assets/<file>",
    summary="Get a file of the dashboard",
    tags=["portal"],
    responses=files.responses("text/*"),
)
def get_asset(
    file: Annotated[str, Path(max_length=128)],
    if_none_match: Annotated[str | None, Header(alias="If-None-Match")] = None,
) -> Response[str]:
    """A name with a content hash lets clients cache the file forever."""
    if file == bundle.PAGE or file not in bundle.manifest()["files"]:
        raise ApiError(NOT_FOUND)
    is_hashed = "-" in file
    cache_control = bundle.CACHE_FOREVER if is_hashed else bundle.REVALIDATE
    return bundle.respond(file, if_none_match=if_none_match, cache_control=cache_control)


handler = app.resolve
