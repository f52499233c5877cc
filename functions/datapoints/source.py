"""Fetch from the external source of data points, and validate strictly what it returns."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError, field_validator

from datapoints import float32
from sitewatch import clock, http_client
from sitewatch.http_client import Request, RequestFailed
from sitewatch.models import BaseModel

_MAX_REDIRECTS = 3
_MAX_TAGS = 32


class SourceFailed(Exception):
    """The source returned no valid data point. The message says why, without quoting the source."""


def _whole(value: object) -> object:
    # JSON has only one number type, so 1700000000.0 is an integer too.
    return int(value) if isinstance(value, float) and value.is_integer() else value


Byte = Annotated[int, Field(ge=0, le=255)]
UnixSeconds = Annotated[
    int,
    BeforeValidator(_whole),
    Field(ge=int(clock.EARLIEST.timestamp()), lt=int(clock.LATEST.timestamp())),
]
Tag = Annotated[str, StringConstraints(min_length=1, max_length=64)]


class SourcePoint(BaseModel):
    """The source's response. Types are strict; unknown keys are ignored."""

    model_config = ConfigDict(strict=True)

    time: UnixSeconds
    value: Annotated[list[Byte], Field(min_length=4, max_length=4)]
    tags: Annotated[list[Tag], Field(max_length=_MAX_TAGS)]

    @field_validator("value")
    @classmethod
    def _is_a_number(cls, value: list[int]) -> list[int]:
        float32.decode(bytes(value))
        return value

    @field_validator("time")
    @classmethod
    def _is_observed(cls, value: int) -> int:
        if value > (clock.now() + clock.MAX_AHEAD).timestamp():
            raise ValueError("the time is more than 5 minutes ahead")
        return value

    @property
    def measured_at(self) -> datetime:
        return datetime.fromtimestamp(self.time, UTC)


def fetch(url: str) -> SourcePoint:
    """Fetch the source's current point.

    Raises
    ------
    SourceFailed
        If the source is unreachable or slow, or returns a status other than 200 or an invalid data point.

    """
    if not url:
        raise SourceFailed("this deployment has no data source")
    try:
        answer = http_client.send(Request(url, headers={"Accept": "application/json"}, max_redirects=_MAX_REDIRECTS))
    except RequestFailed as failure:
        raise SourceFailed(f"cannot read the source: {failure}") from None
    if answer.status != 200:
        raise SourceFailed(f"the source returned status {answer.status}")
    try:
        return SourcePoint.model_validate_json(answer.body)
    except ValidationError as error:
        fields = sorted({str(problem["loc"][0]) if problem["loc"] else "response" for problem in error.errors()})
        raise SourceFailed(f"the source returned a bad {' and '.join(fields)}") from None
