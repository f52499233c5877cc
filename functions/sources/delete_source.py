"""DELETE /sources/{kind}/{name}: delete a source."""

from aws_lambda_powertools.event_handler import Response

from sitewatch.api import ADMINS, Api
from sitewatch.errors import NOT_FOUND, PRECONDITION_FAILED, TOO_MANY_REQUESTS
from sitewatch.names import from_path
from sitewatch.versions import IfMatch
from sources import storing
from sources.parameters import KindInPath, NameInPath

app = Api(access=ADMINS, errors=[NOT_FOUND, PRECONDITION_FAILED, TOO_MANY_REQUESTS])


@app.delete("/sources/<kind>/<name>", status_code=204, summary="Delete a source", tags=["sources"])
def delete_source(kind: KindInPath, name: NameInPath, if_match: IfMatch = None) -> Response[None]:
    """Its next signal makes it again, without what was said of it."""
    storing.delete(kind, from_path(name), if_match, app.origin)
    return Response(status_code=204)


handler = app.resolve
