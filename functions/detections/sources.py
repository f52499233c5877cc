"""The source of what comes over HTTP."""

from typing import Any

from detections.report import ReportedDetection
from sitewatch.callers import Caller, TokenUse
from sitewatch.names import UNKNOWN, to_source_name


def with_source(report: ReportedDetection, caller: Caller) -> dict[str, Any]:
    """The JSON data of ``report``, with its source."""
    return {**report.model_dump(mode="json", exclude_none=True), "source": _source_of(report, caller)}


def _source_of(report: ReportedDetection, caller: Caller) -> str:
    """What the report says, or else the name of the API token, or else ``unknown``: a person is no source."""
    if report.source is not None:
        return report.source
    return to_source_name(caller.username) if caller.use is TokenUse.API else UNKNOWN
