"""boto3, PyJWT and ``json.dumps``: no framework."""

import json
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import jwt

from tests.load.peers import store


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    query = event["queryStringParameters"] or {}
    try:
        store.bearer((event["headers"] or {}).get("Authorization"))
    except jwt.PyJWTError as error:
        return _response(401, {"message": str(error)})
    try:
        limit = int(query.get("limit", 100))
        since, until = (datetime.fromisoformat(query[name]) if name in query else None for name in ("from", "to"))
    except ValueError as error:
        return _response(400, {"message": str(error)})
    if not 1 <= limit <= 1000:
        return _response(400, {"message": "limit is from 1 to 1000"})
    values = {name: query.get(name) for name in ("make", "source", "category")}
    items, start = store.page(values, since, until, limit, query.get("start"))
    kept = urlencode({name: value for name, value in query.items() if name != "start"})
    return _response(200, items, {"Link": store.link(kept, start)} if start else {})


def _response(status: int, body: Any, headers: dict[str, str] | None = None) -> dict[str, Any]:
    return {
        "statusCode": status,
        "headers": {"Content-Type": "application/json", **(headers or {})},
        "body": json.dumps(body),
    }
