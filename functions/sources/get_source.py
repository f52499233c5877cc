"""GET /sources/{kind}/{name}: a source."""

from aws_lambda_powertools.event_handler import Response

from sitewatch.api import Api
from sitewatch.errors import NOT_FOUND
from sitewatch.names import from_path
from sitewatch.versions import versioned
from sources import finding
from sources.model import Source
from sources.parameters import KindInPath, NameInPath

app = Api(errors=[NOT_FOUND])


@app.get("/sources/<kind>/<name>", summary="Get a source", tags=["sources"])
def get_source(kind: KindInPath, name: NameInPath) -> Response[Source]:
    """With the ``ETag`` to send as ``If-Match`` when changing it; signals do not change that."""
    source = finding.find(kind, from_path(name))
    return versioned(Source.of(source), source.version)


handler = app.resolve
