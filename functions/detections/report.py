"""The report that a camera sends.

It needs no settings, so that the runner can check reports before it puts them on the stream.
"""

from typing import Annotated

from pydantic import AliasChoices, ConfigDict, Field

from detections.fields import DetectionId, Name
from sitewatch.clock import ObservedTime
from sitewatch.models import BaseModel


def _either_case(name: str) -> AliasChoices:
    # Older cameras capitalize the keys.
    return AliasChoices(name, name.capitalize())


class ReportedDetection(BaseModel):
    """A vehicle as a camera reports it. Types are strict, unknown keys are ignored."""

    model_config = ConfigDict(strict=True)

    year: Annotated[int, Field(ge=1886, le=2200, validation_alias=_either_case("year"))]
    make: Annotated[Name, Field(validation_alias=_either_case("make"))]
    model: Annotated[Name, Field(validation_alias=_either_case("model"))]
    category: Annotated[Name, Field(validation_alias=_either_case("category"))]
    created_at: ObservedTime | None = None
    id: DetectionId | None = None
