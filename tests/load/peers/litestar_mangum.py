"""Litestar with Mangum and msgspec, and boto3."""

from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlencode

import jwt
import msgspec
from litestar import Litestar, Request, Response, get
from litestar.connection import ASGIConnection
from litestar.exceptions import NotAuthorizedException
from litestar.handlers import BaseRouteHandler
from litestar.params import Parameter
from mangum import Mangum

from tests.load.peers import store


class Detection(msgspec.Struct):  # type: ignore[misc]  # only `make bench-peers` installs it
    id: str
    reported_id: str | None
    source: str
    year: int
    make: str
    model: str
    category: str
    created_at: datetime


def authenticated(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
    try:
        store.bearer(connection.headers.get("Authorization"))
    except jwt.PyJWTError as error:
        raise NotAuthorizedException(str(error)) from error


@get("/detections", guards=[authenticated], sync_to_thread=False)
def list_detections(
    request: Request[Any, Any, Any],
    limit: Annotated[int, Parameter(ge=1, le=1000)] = 100,
    since: Annotated[datetime | None, Parameter(query="from")] = None,
    until: Annotated[datetime | None, Parameter(query="to")] = None,
    make: str | None = None,
    category: str | None = None,
    source: str | None = None,
    start: str | None = None,
) -> Response[list[Detection]]:
    values = {"make": make, "source": source, "category": category}
    items, following = store.page(values, since, until, limit, start)
    kept = urlencode({name: value for name, value in request.query_params.items() if name != "start"})
    return Response(
        msgspec.convert(items, list[Detection], strict=False),
        headers={"Link": store.link(kept, following)} if following else {},
    )


handler = Mangum(Litestar([list_detections]), lifespan="off")
