"""What every peer shares: the token check with PyJWT, and the query with boto3."""

import base64
import json
import os
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import boto3
import jwt
from boto3.dynamodb.conditions import Attr, Key

TABLE = boto3.resource("dynamodb").Table(os.environ["DETECTIONS_TABLE"])
KEYS = {key.key_id: key for key in jwt.PyJWKSet.from_json(os.environ["TOKEN_PUBLIC_KEYS"]).keys}
FIELDS = ("id", "reported_id", "source", "year", "make", "model", "category", "created_at")


def claims(token: str) -> dict[str, Any]:
    """The claims of an access token; raises ``jwt.PyJWTError`` if it is not valid."""
    key = KEYS.get(jwt.get_unverified_header(token).get("kid"))
    if key is None:
        raise jwt.InvalidTokenError("unknown key")
    found: dict[str, Any] = jwt.decode(
        token, key, algorithms=["EdDSA"], audience="sitewatch", issuer=os.environ["TOKEN_ISSUER"]
    )
    if found["use"] != "access":
        raise jwt.InvalidTokenError("not an access token")
    return found


def bearer(authorization: str | None) -> dict[str, Any]:
    """The claims of the token in an ``Authorization`` header; raises ``jwt.PyJWTError`` if it is not valid."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer":
        raise jwt.InvalidTokenError("no token")
    return claims(token)


def page(
    values: Mapping[str, str | None], since: datetime | None, until: datetime | None, limit: int, start: str | None
) -> tuple[list[dict[str, Any]], str | None]:
    """Up to ``limit`` detections with these values, newest first, and the cursor of the next page."""
    (by, value), *others = [(name, value) for name, value in values.items() if value is not None] or [("time", "")]
    low, high = (f"{time:%Y-%m-%dT%H:%M:%S.%fZ}" if time else other for time, other in ((since, "0"), (until, "")))
    query: dict[str, Any] = {
        "IndexName": f"by_{by}",
        "KeyConditionExpression": Key(f"{by}_partition").eq(f"0#{value}") & Key("position").between(low, f"{high}~"),
        "ScanIndexForward": False,
        "Limit": limit,
    }
    for name, wanted in others:
        condition = Attr(f"{name}_partition").eq(f"0#{wanted}")
        query["FilterExpression"] = query["FilterExpression"] & condition if "FilterExpression" in query else condition
    if start is not None:
        query["ExclusiveStartKey"] = json.loads(base64.urlsafe_b64decode(start))
    found = TABLE.query(**query)
    last = found.get("LastEvaluatedKey")
    stored: list[dict[str, Any]] = found["Items"]
    items = [{**{name: item.get(name) for name in FIELDS}, "year": int(item["year"])} for item in stored]
    return items, base64.urlsafe_b64encode(json.dumps(last).encode()).decode() if last else None


def link(query: str, start: str) -> str:
    """The ``Link`` header to the next page."""
    return f'<?{query + "&" if query else ""}start={start}>; rel="next"'
