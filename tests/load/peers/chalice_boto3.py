"""Chalice, and boto3."""

import json
from datetime import datetime
from urllib.parse import urlencode

import jwt
from chalice import BadRequestError, Chalice, Response, UnauthorizedError

from tests.load.peers import store

app = Chalice("detections")


@app.route("/detections", methods=["GET"])
def list_detections() -> Response:
    request = app.current_request
    query = request.query_params or {}
    try:
        store.bearer(request.headers.get("authorization"))
    except jwt.PyJWTError as error:
        raise UnauthorizedError(str(error)) from error
    try:
        limit = int(query.get("limit", 100))
        since, until = (datetime.fromisoformat(query[name]) if name in query else None for name in ("from", "to"))
    except ValueError as error:
        raise BadRequestError(str(error)) from error
    if not 1 <= limit <= 1000:
        raise BadRequestError("limit is from 1 to 1000")
    values = {name: query.get(name) for name in ("make", "source", "category")}
    items, start = store.page(values, since, until, limit, query.get("start"))
    kept = urlencode({name: value for name, value in query.items() if name != "start"})
    headers = {"Content-Type": "application/json"}
    if start:
        headers["Link"] = store.link(kept, start)
    return Response(json.dumps(items), headers=headers)


handler = app
