"""Every minute: fetch a data point."""

import contextlib
from typing import Any

from datapoints.populating import populate
from datapoints.source import SourceFailed
from sitewatch import settings
from sitewatch.observability import metrics


@metrics.log_metrics
def handler(event: dict[str, Any], context: Any) -> None:
    # After a failure, the next schedule tries again; populate() logs and counts the failure.
    with contextlib.suppress(SourceFailed):
        populate(settings.text("DATA_SOURCE_URL"))
