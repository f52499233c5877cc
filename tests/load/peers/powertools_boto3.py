"""Powertools' resolver with validation, and boto3."""

from datetime import datetime
from typing import Annotated
from urllib.parse import urlencode

import jwt
from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response, content_types
from aws_lambda_powertools.event_handler.exceptions import UnauthorizedError
from aws_lambda_powertools.event_handler.middlewares import NextMiddleware
from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import BaseModel

from tests.load.peers import store

app = APIGatewayRestResolver(enable_validation=True)


class Detection(BaseModel):
    id: str
    reported_id: str | None
    source: str
    year: int
    make: str
    model: str
    category: str
    created_at: datetime


def authenticated(app: APIGatewayRestResolver, next_middleware: NextMiddleware) -> Response[object]:
    try:
        store.bearer(app.current_event.headers.get("Authorization"))
    except jwt.PyJWTError as error:
        raise UnauthorizedError(str(error)) from error
    return next_middleware(app)


@app.get("/detections", middlewares=[authenticated])
def list_detections(
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    since: Annotated[datetime | None, Query(alias="from")] = None,
    until: Annotated[datetime | None, Query(alias="to")] = None,
    make: str | None = None,
    category: str | None = None,
    source: str | None = None,
    start: str | None = None,
) -> Response[list[Detection]]:
    values = {"make": make, "source": source, "category": category}
    items, following = store.page(values, since, until, limit, start)
    query = app.current_event.query_string_parameters
    kept = urlencode({name: value for name, value in query.items() if name != "start"})
    return Response(
        200,
        content_types.APPLICATION_JSON,
        [Detection.model_validate(item) for item in items],
        headers={"Link": store.link(kept, following)} if following else {},
    )


handler = app.resolve
