"""Paging: cursors, and the link to the next page."""

import base64
from collections.abc import Mapping
from typing import Annotated, TypeVar
from urllib.parse import urlencode

from aws_lambda_powertools.event_handler import Response, content_types
from aws_lambda_powertools.event_handler.openapi.params import Query

from sitewatch.errors import invalid_field

Body = TypeVar("Body")

Skip = Annotated[int, Query(ge=0, le=10**12, description="How many to skip.")]
Limit = Annotated[int, Query(ge=1, le=1000, description="The maximum number to return.")]
Start = Annotated[
    str | None,
    Query(
        max_length=1024,
        description="Where the previous page ended (exclusive), from its link.",
        json_schema_extra={"format": "cursor"},
    ),
]


def encode_cursor(position: str) -> str:
    """Encode ``position`` as an opaque, URL-safe cursor."""
    return base64.urlsafe_b64encode(position.encode()).decode().rstrip("=")


def decode_cursor(cursor: str, field: str = "start") -> str:
    """Decode a cursor of ``encode_cursor`` that the client sent as the parameter ``field``.

    Raises
    ------
    ApiError
        400 if it is not such a cursor.

    """
    try:
        return base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except ValueError:
        raise invalid_field(field, "not a cursor from this API") from None


def next_link(parameters: Mapping[str, object]) -> str:
    """The ``Link`` header to the page with these query parameters (RFC 8288).

    The reference is relative to the request's URL, so that it works with every stage and host. Parameters that are
    ``None`` are omitted.
    """
    query = urlencode({name: value for name, value in parameters.items() if value is not None})
    return f'<?{query}>; rel="next"'


def paged(body: Body, next_page: Mapping[str, object] | None) -> Response[Body]:
    """A 200 with ``body``, and a link to the next page unless ``next_page`` is ``None``."""
    headers: dict[str, str | list[str]] = {"Cache-Control": "no-store"}
    if next_page is not None:
        headers["Link"] = next_link(next_page)
    return Response(status_code=200, content_type=content_types.APPLICATION_JSON, body=body, headers=headers)
