"""By schedule: fetch a data point."""

import contextlib
from typing import Any

from datapoints.populating import populate
from datapoints.source import SourceFailed
from sitewatch import settings
from sitewatch.observability import metrics


@metrics.log_metrics
def handler(event: dict[str, Any], context: Any) -> None:
    # A source that has no point now is asked again in a minute; a metric and a line of the log say so.
    with contextlib.suppress(SourceFailed):
        populate(settings.text("DATA_SOURCE_URL"))
