"""PUT /sources/{kind}/{name}: describe a source."""

from aws_lambda_powertools.event_handler import Response

from sitewatch.api import ADMINS, Api
from sitewatch.errors import PRECONDITION_FAILED, TOO_MANY_REQUESTS, invalid_field
from sitewatch.names import from_path, source_name
from sitewatch.versions import IfMatch, versioned
from sources import storing
from sources.model import Description, Source
from sources.parameters import KindInPath, NameInPath

app = Api(access=ADMINS, errors=[PRECONDITION_FAILED, TOO_MANY_REQUESTS])


@app.put("/sources/<kind>/<name>", summary="Describe a source", tags=["sources"])
def describe_source(
    kind: KindInPath, name: NameInPath, description: Description, if_match: IfMatch = None
) -> Response[Source]:
    """Before or after its first signal. What is left out has no value then.

    With ``expected_every`` the source is ``late`` when no signal has come for that time and a quarter more, and
    ``silent`` after ``grace`` more. The wait begins with this request, if the period changes.
    """
    try:
        known_as = source_name(from_path(name))
    except ValueError as error:
        raise invalid_field("name", str(error)) from None
    source = storing.describe(kind, known_as, description, if_match, app.origin)
    return versioned(Source.of(source), source.version)


handler = app.resolve
