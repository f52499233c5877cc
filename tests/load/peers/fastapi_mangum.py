"""FastAPI with Mangum, and boto3."""

from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlencode

import jwt
from fastapi import Depends, FastAPI, HTTPException, Query, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from mangum import Mangum
from pydantic import BaseModel

from tests.load.peers import store

app = FastAPI()


class Detection(BaseModel):
    id: str
    reported_id: str | None
    source: str
    year: int
    make: str
    model: str
    category: str
    created_at: datetime


def claims(credentials: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]) -> dict[str, Any]:
    try:
        return store.claims(credentials.credentials)
    except jwt.PyJWTError as error:
        raise HTTPException(401, str(error)) from error


@app.get("/detections", dependencies=[Depends(claims)])
def list_detections(
    request: Request,
    response: Response,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    since: Annotated[datetime | None, Query(alias="from")] = None,
    until: Annotated[datetime | None, Query(alias="to")] = None,
    make: str | None = None,
    category: str | None = None,
    source: str | None = None,
    start: str | None = None,
) -> list[Detection]:
    values = {"make": make, "source": source, "category": category}
    items, following = store.page(values, since, until, limit, start)
    if following:
        kept = urlencode({name: value for name, value in request.query_params.items() if name != "start"})
        response.headers["Link"] = store.link(kept, following)
    return [Detection.model_validate(item) for item in items]


handler = Mangum(app, lifespan="off")
