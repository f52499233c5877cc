"""The source of what comes over HTTP."""

from typing import Any

from detections.report import ReportedDetection
from sitewatch.callers import Caller
from sitewatch.sources import source_of


def with_source(report: ReportedDetection, caller: Caller) -> dict[str, Any]:
    """The JSON data of ``report``, with its source. Raises the 403 of ``source_of``."""
    return {**report.model_dump(mode="json", exclude_none=True), "source": source_of(caller, report.source)}
