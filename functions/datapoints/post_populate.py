"""GET and POST /api/populate: fetch a data point now."""

from datapoints.model import DataPoint
from datapoints.populating import populate
from datapoints.source import SourceFailed
from sitewatch import settings
from sitewatch.api import ADMINS, Api
from sitewatch.errors import NO_DATA_POINT, ApiError
from sitewatch.observability import metrics

app = Api(access=ADMINS, errors=[NO_DATA_POINT])


@app.route("/api/populate", method=["GET", "POST"], summary="Fetch a data point", tags=["datapoints"])
def populate_now() -> DataPoint:
    """Fetches and stores the external source's current point. A point stored before is returned as stored."""
    # The API id comes from the request: the template cannot pass it, because the API refers to this function.
    url = settings.text("DATA_SOURCE_URL").replace("{api}", app.current_event["requestContext"].get("apiId", ""))
    try:
        return DataPoint.of(populate(url))
    except SourceFailed as failure:
        raise ApiError(NO_DATA_POINT, str(failure)) from None
    finally:
        metrics.flush_metrics()


handler = app.resolve
