"""API Gateway as a WSGI application: it passes requests to the functions that template.yaml names, in this process."""

import base64
import re
from collections.abc import Iterable
from functools import cache
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, quote
from wsgiref.types import StartResponse, WSGIEnvironment

from tests.world.calling import Context, api_event, handler_of
from tests.world.template import preflights, routes, template


@cache
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    """A pattern for each path of the template; those without parameters come first, as they do in API Gateway."""
    paths = sorted({path for _, path in routes()} | preflights().keys(), key=lambda path: path.count("{"))
    return [(re.compile(re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", path)), path) for path in paths]


def gateway(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer a request (PEP 3333)."""
    method = environ["REQUEST_METHOD"]
    path = quote(environ["PATH_INFO"], safe="/%:@!$&'()*+,;=~", encoding="latin-1")
    found = next((each for pattern, each in _patterns() if pattern.fullmatch(path)), None)
    handler = "portal.preflight.handler" if method == "OPTIONS" and found else routes().get((method, found or ""))
    if handler is None:
        return _respond(start_response, method, *_unknown_route())
    answer = handler_of(handler)(_event(environ, method, str(found), path), Context())
    headers = [(name, value) for name, values in answer.get("multiValueHeaders", {}).items() for value in values]
    headers += answer.get("headers", {}).items()
    return _respond(start_response, method, answer["statusCode"], headers, answer["body"])


def _unknown_route() -> tuple[int, list[tuple[str, str]], str]:
    response = template()["Resources"]["Api"]["Properties"]["GatewayResponses"]["MISSING_AUTHENTICATION_TOKEN"]
    return (
        response["StatusCode"],
        [("Content-Type", "application/json")],
        response["ResponseTemplates"]["application/json"],
    )


def _respond(
    start_response: StartResponse, method: str, status: int, headers: list[tuple[str, str]], text: str
) -> list[bytes]:
    body = text.encode()
    start_response(f"{status} {HTTPStatus(status).phrase}", [*headers, ("Content-Length", str(len(body)))])
    return [] if method == "HEAD" else [body]


def _event(environ: WSGIEnvironment, method: str, resource: str, path: str) -> dict[str, Any]:
    headers = {
        name.removeprefix("HTTP_").replace("_", "-").title(): value
        for name, value in environ.items()
        if name.startswith("HTTP_") or (name == "CONTENT_TYPE" and value)
    }
    data = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    query: dict[str, list[str]] = {}
    for name, value in parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True):
        query.setdefault(name, []).append(value)
    try:
        body, is_base64 = data.decode() or None, False
    except UnicodeDecodeError:
        body, is_base64 = base64.b64encode(data).decode(), True
    event = api_event(method, resource, path=dict.fromkeys(re.findall(r"{(\w+)}", resource), "x"), headers=headers)
    return {
        **event,
        "path": path,
        "queryStringParameters": {name: values[-1] for name, values in query.items()} or None,
        "multiValueQueryStringParameters": query or None,
        "body": body,
        "isBase64Encoded": is_base64,
    }
