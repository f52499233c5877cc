"""GET /assets/{file}: a file that a page of ours loads."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Header, Path

from portal import built
from sitewatch.api import PUBLIC, Api
from sitewatch.errors import NOT_FOUND, ApiError

app = Api(access=PUBLIC, errors=[NOT_FOUND])


@app.get("/assets/<file>", summary="Get a file of a page", tags=["portal"])
def get_asset(
    file: Annotated[str, Path(max_length=128)],
    if_none_match: Annotated[str | None, Header(alias="If-None-Match")] = None,
) -> Response[str]:
    """Its name has a hash of what is in it, so that it may be kept for ever."""
    if file == built.PAGE or file not in built.manifest()["files"]:
        raise ApiError(NOT_FOUND)
    is_hashed = "-" in file
    cache_control = built.FOR_EVER if is_hashed else built.ASK_AGAIN
    return built.answer(file, if_none_match=if_none_match, cache_control=cache_control)


handler = app.resolve
