"""What a camera reports.

It needs no setting: whoever puts reports on the stream can check them with it.
"""

from typing import Annotated

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, StringConstraints

from sitewatch.clock import Timestamp

# No control characters, and none of the two that SNS and SQS take no message with.
_PLAIN = r"^[^\x00-\x1f\x7f\ufffe\uffff]+$"
Name = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=_PLAIN)]
DetectionId = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=_PLAIN)]


def _either(name: str) -> AliasChoices:
    # Cameras of an older make spell the keys with a capital.
    return AliasChoices(name, name.capitalize())


class ReportedDetection(BaseModel):
    """A vehicle as a camera reports it: types are strict, unknown keys are passed over."""

    model_config = ConfigDict(strict=True)

    year: Annotated[int, Field(ge=1886, le=2200, validation_alias=_either("year"))]
    make: Annotated[Name, Field(validation_alias=_either("make"))]
    model: Annotated[Name, Field(validation_alias=_either("model"))]
    category: Annotated[Name, Field(validation_alias=_either("category"))]
    created_at: Timestamp | None = None
    id: DetectionId | None = None
