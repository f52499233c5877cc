"""The report that a camera sends.

It needs no settings, so that the runner can check reports before it puts them on the stream.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import ConfigDict, Field, StringConstraints, ValidationError, model_validator

from detections.formats import Part
from sitewatch import ids
from sitewatch.clock import ObservedTime
from sitewatch.ids import UlidText
from sitewatch.models import BaseModel
from sitewatch.names import PLAIN, Name, SourceName

MAX_RECORD_BYTES = 1024 * 1024
"""Of a record on the stream."""

ReportedId = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=PLAIN)]


class ReportedDetection(BaseModel):
    """A vehicle as a camera reports it. Types are strict, keys have any letter case, unknown keys are ignored."""

    model_config = ConfigDict(strict=True)

    year: Annotated[int, Field(ge=1886, le=2200)]
    make: Name
    model: Name
    category: Name
    created_at: ObservedTime | None = None
    id: ReportedId | None = None
    source: SourceName | None = None

    @model_validator(mode="before")
    @classmethod
    def _lower_keys(cls, report: object) -> object:
        if not isinstance(report, Mapping):
            return report
        return {**{name.lower(): value for name, value in report.items()}, **report}


class RecordOnStream(ReportedDetection):
    """A report on the stream. ``entry_id`` stands for an id that the sender did not give (see ``entry``)."""

    entry_id: UlidText | None = None


def read(part: Part, now: datetime) -> RecordOnStream:
    """The report in a part of a record that arrived at ``now``.

    Raises
    ------
    ValueError
        With the reason: which fields are wrong and why. It never contains their values.

    """
    if part.problem:
        raise ValueError(part.problem)
    if not isinstance(part.value, dict):
        raise ValueError("JSON, but not an object")  # noqa: TRY004 - one kind of error for all reasons
    try:
        return RecordOnStream.model_validate(part.value, context={"now": now})
    except ValidationError as error:
        raise ValueError(_reason(error)) from None


def _reason(error: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(str(part) for part in problem['loc']) or 'record'}: {problem['msg']}"
        for problem in error.errors(include_url=False, include_context=False, include_input=False)
    )


def entry(report: Mapping[str, Any]) -> dict[str, Any]:
    """The entry of ``PutRecords`` for a report (JSON data without nulls).

    An entry may reach the stream twice, if the response to the first call is lost. Both are one detection, because a
    report without an id gets an ``entry_id`` here.
    """
    key = report.get("id") or ids.new_id()
    if "id" not in report:
        report = {**report, "entry_id": key}
    return {"Data": json.dumps(report).encode(), "PartitionKey": key}
