"""The external source of data points: ask it, and take nothing from it that is not as agreed."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError, field_validator

from datapoints import float32
from sitewatch import clock, http_client
from sitewatch.http_client import Request, RequestFailed

_MOST_REDIRECTS = 3
_MOST_TAGS = 32


class SourceFailed(Exception):
    """The source gave no data point. The message says why, without what the source said."""


def _whole(value: object) -> object:
    # JSON has one kind of number: 1700000000.0 is as whole as 1700000000.
    return int(value) if isinstance(value, float) and value.is_integer() else value


Byte = Annotated[int, Field(ge=0, le=255)]
UnixSeconds = Annotated[
    int,
    BeforeValidator(_whole),
    Field(ge=int(clock.EARLIEST.timestamp()), lt=int(clock.LATEST.timestamp())),
]
Tag = Annotated[str, StringConstraints(min_length=1, max_length=64)]


class SourcePoint(BaseModel):
    """What the source answers: types are strict, unknown keys are passed over."""

    model_config = ConfigDict(strict=True)

    time: UnixSeconds
    value: Annotated[list[Byte], Field(min_length=4, max_length=4)]
    tags: Annotated[list[Tag], Field(max_length=_MOST_TAGS)]

    @field_validator("value")
    @classmethod
    def _is_a_number(cls, value: list[int]) -> list[int]:
        float32.decode(bytes(value))
        return value

    @property
    def measured_at(self) -> datetime:
        return datetime.fromtimestamp(self.time, UTC)


def fetch(url: str) -> SourcePoint:
    """The point that the source has now.

    Raises
    ------
    SourceFailed
        Where the source is unreachable or slow, answers anything but 200, or with what is no data point.

    """
    if not url:
        raise SourceFailed("this deployment has no source of data points")
    try:
        answer = http_client.send(Request(url, headers={"Accept": "application/json"}, max_redirects=_MOST_REDIRECTS))
    except RequestFailed as failure:
        raise SourceFailed(f"the source could not be read: {failure}") from None
    if answer.status != 200:
        raise SourceFailed(f"the source answered {answer.status}")
    try:
        return SourcePoint.model_validate_json(answer.body)
    except ValidationError as error:
        fields = sorted({str(problem["loc"][0]) if problem["loc"] else "answer" for problem in error.errors()})
        raise SourceFailed(f"the source answered with a bad {' and '.join(fields)}") from None
