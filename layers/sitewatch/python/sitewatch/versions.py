"""Versions of what clients change: their entity tags, and ``If-Match`` (RFC 9110, sections 8.8.3 and 13.1.1)."""

from typing import Annotated, TypeVar

from aws_lambda_powertools.event_handler import Response, content_types
from aws_lambda_powertools.event_handler.openapi.params import Header

from sitewatch.errors import PRECONDITION_FAILED, ApiError
from sitewatch.models import BaseModel

Body = TypeVar("Body", bound=BaseModel)

IfMatch = Annotated[
    str | None,
    Header(alias="If-Match", max_length=1024, description="Only if it still has this ETag, otherwise 412."),
]


def etag(version: float) -> str:
    """The entity tag of a version."""
    return f'"{int(version)}"'


def require_match(version: float, if_match: str | None) -> None:
    """Check that ``If-Match``, if the client sent it, names this version.

    Raises
    ------
    ApiError
        412 if it does not.

    """
    if if_match is not None and {"*", etag(version)}.isdisjoint(tag.strip() for tag in if_match.split(",")):
        raise ApiError(PRECONDITION_FAILED, "it has changed")


def versioned(body: Body, version: float, *, status: int = 200) -> Response[Body]:
    """A response with the ``ETag`` to send as ``If-Match`` when changing ``body``."""
    return Response(
        status_code=status,
        content_type=content_types.APPLICATION_JSON,
        body=body,
        headers={"ETag": etag(version), "Cache-Control": "no-store"},
    )
