"""OPTIONS on every path: respond to CORS preflight requests."""

from typing import Any

from sitewatch import settings

_METHODS = "DELETE,GET,HEAD,OPTIONS,PATCH,POST,PUT"
_HEADERS = "Authorization,Content-Type,Idempotency-Key,If-Match,Last-Event-ID,X-Signature-256,X-Signature-Timestamp"
_MAX_AGE_SECONDS = "600"


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    origin = headers.get("origin", "")
    allowed = settings.names("CORS_ORIGINS")
    response_headers = {"Vary": "Origin"}
    if origin in allowed or "*" in allowed:
        response_headers |= {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Allow-Methods": _METHODS,
            "Access-Control-Allow-Headers": _HEADERS,
            "Access-Control-Max-Age": _MAX_AGE_SECONDS,
        }
    return {"statusCode": 204, "headers": response_headers, "body": ""}
