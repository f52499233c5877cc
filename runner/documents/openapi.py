"""The OpenAPI document of every route, from the functions' own code.

Powertools describes the requests and responses of each function's resolver, and merges the descriptions. This module
adds what a resolver does not know: who may call it, its errors, and an example of a request.
"""

import copy
import importlib
import inspect
import json
import re
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from aws_lambda_powertools.event_handler.openapi.merge import OpenAPIMerge
from aws_lambda_powertools.event_handler.openapi.models import Server, Tag

from sitewatch import idempotency
from sitewatch.api import MAX_BODY_BYTES, Api
from sitewatch.callers import Role
from sitewatch.errors import (
    BAD_TOKEN,
    FORBIDDEN,
    INVALID_QUERY,
    TOO_MANY_REQUESTS,
    UNEXPECTED_ERROR,
    ApiError,
    ErrorCode,
    code_of_field,
)

Json = dict[str, Any]

VERSION = "1.0.0"
METHODS = ("get", "head", "post", "put", "patch", "delete")
_DESCRIPTION = """\
The backend of a monitored site: cameras report vehicles, suspicious ones become alerts, and staff watch.

- JSON in UTF-8. Times are RFC 3339 in UTC with `Z`. Ids that the API generates are ULIDs, which sort by time.
- Times in requests are RFC 3339, from 1970 to 2106, in UTC if they have no offset. An observation is at most
  5 minutes ahead. In a query, encode the plus of an offset as `%2B`.
- An unknown path is a 404, and so is a method that a path does not have. Unknown query parameters are a 400.
- Every response that is not 2xx is an `Error`. `subcode` is more specific than the HTTP status, `error` is stable, and
  for bad input `detail` names each bad field.
- `POST /token` returns an access token for 30 minutes; send it as `Authorization: Bearer …`. Machines have long-lived
  API tokens instead (`POST /api/tokens`).
- A page of a list that is not the last has the header `Link: <…>; rel="next"`.
"""
_SECURITY_SCHEMES: Json = {
    "password": {
        "type": "oauth2",
        "description": "Log in with a username and a password.",
        # Relative to the document's URL, so it is right under every stage and host.
        "flows": {"password": {"tokenUrl": "token", "scopes": {}}},
    },
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "An access token, or the API token of a machine.",
    },
}
_PROBLEM: Json = {
    "type": "object",
    "title": "Problem",
    "description": "A bad field: its name or its position in a list, and the problem.",
    "required": ["field", "message"],
    "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
}
_ERROR: Json = {
    "type": "object",
    "title": "Error",
    "description": "The body of every response that is not 2xx.",
    "required": ["code", "subcode", "error", "detail"],
    "properties": {
        "code": {"type": "integer", "description": "The HTTP status."},
        "subcode": {"type": "integer", "description": "The error among those of this status."},
        "error": {"type": "string", "description": "The error's stable message."},
        "detail": {
            "description": "How to fix it; for bad input, each bad field.",
            "oneOf": [{"type": "string"}, {"type": "array", "items": {"$ref": "#/components/schemas/Problem"}}],
        },
        "msg": {"type": "string", "description": "The reason, for a 401 only."},
    },
}
_TOKEN_REFUSALS = (
    "Missing Authorization Header",
    "Not enough segments",
    "Token has expired",
    "Signature verification failed",
    "Only access tokens are allowed",
)
_UNREAD_SCHEMAS = frozenset({"HTTPValidationError", "ValidationError", "ResponseValidationError"})
"""Powertools' own response to bad input; the kernel responds with an ``Error`` instead."""


class Undocumented(Exception):
    """A route cannot be described; the message says how to fix it."""


def document(routes: Mapping[tuple[str, str], str], samples: Mapping[str, Json]) -> Json:
    """The OpenAPI 3.1 document of routes (see `runner.project.routes`); their handlers' sample events are its examples.

    Raises Undocumented if a route has no resolver of ours, the resolvers' routes are not these, or two schemas share a
    name.
    """
    asked = {route for route in routes if route[0] != "OPTIONS"}
    handlers = sorted({routes[route] for route in asked})
    merge = OpenAPIMerge(
        title="Sitewatch",
        version=VERSION,
        openapi_version="3.1.0",
        description=_DESCRIPTION,
        servers=[Server(url=".", description="The server of this document")],
        tags=[_tag(domain) for domain in sorted({handler.partition(".")[0] for handler in handlers})],
        security_schemes=_SECURITY_SCHEMES,
        on_conflict="error",
    )
    schemas: Json = {"Error": _ERROR, "Problem": _PROBLEM}
    for handler in handlers:
        described = _Function(handler, samples.get(handler, {})).schema()
        _agree(schemas, described["components"]["schemas"], handler)
        merge.add_schema(described)
    merge.add_schema({"components": {"schemas": {"Error": _ERROR, "Problem": _PROBLEM}, "responses": _responses()}})
    merged = merge.get_openapi_schema()
    found = {(method.upper(), path) for path, item in merged["paths"].items() for method in item}
    if found != asked:
        raise Undocumented(f"In the template only: {sorted(asked - found)}; in the code only: {sorted(found - asked)}.")
    return _in_order(merged)


def _tag(domain: str) -> Tag:
    # The first line of a domain's docstring: its name, a colon and a description.
    text = (importlib.import_module(domain).__doc__ or "").strip().splitlines()[0]
    description = text.partition(": ")[2] or text
    return Tag(name=domain, description=description[:1].upper() + description[1:])


def _agree(known: Json, new: Json, handler: str) -> None:
    for name, schema in new.items():
        if known.setdefault(name, schema) != schema:
            raise Undocumented(f"{handler}: another function has another model called {name}; rename one.")


def _in_order(merged: Json) -> Json:
    """Sort by path, method and name, so that a small change in the code is a small change here."""
    merged["paths"] = {
        path: {method: merged["paths"][path][method] for method in METHODS if method in merged["paths"][path]}
        for path in sorted(merged["paths"])
    }
    merged["components"] = {
        # The ways to log in keep the order in which people see them.
        kind: each if kind == "securitySchemes" else {name: each[name] for name in sorted(each)}
        for kind, each in sorted(merged["components"].items())
    }
    first = ("openapi", "info", "servers", "tags")
    return {name: merged[name] for name in (*first, *(name for name in merged if name not in first))}


# --- errors ---------------------------------------------------------------------------------------


def _example(error: ApiError) -> tuple[str, Json]:
    """The name of the example, unique within its status, and the example."""
    body = error.body()
    summary = body.get("msg", body["error"])
    if isinstance(error.detail, list):
        summary += f": {error.detail[0]['field']}"
    name = f"{body['subcode']} {summary}".replace(" ", "_")
    return re.sub(r"[^\w-]", "", name), {"summary": summary, "value": body}


def _response(status: int, errors: list[ApiError]) -> Json:
    content = {"schema": {"$ref": "#/components/schemas/Error"}, "examples": dict(map(_example, errors))}
    response: Json = {"description": HTTPStatus(status).phrase, "content": {"application/json": content}}
    if status == HTTPStatus.UNAUTHORIZED:
        response["headers"] = {"WWW-Authenticate": {"schema": {"type": "string", "const": "Bearer"}}}
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        seconds = {"type": "integer", "minimum": 1}
        response["headers"] = {"Retry-After": {"description": "Seconds to wait.", "schema": seconds}}
    return response


def _too_large(max_bytes: int = MAX_BODY_BYTES) -> ApiError:
    return ApiError(INVALID_QUERY, [{"field": "body", "message": f"at most {max_bytes} bytes"}])


def _shared() -> dict[str, tuple[int, list[ApiError]]]:
    """The responses that many routes share, by the name of their component."""
    return {
        "BadRequest": (400, [_too_large()]),
        "Unauthorized": (401, [ApiError(BAD_TOKEN, reason) for reason in _TOKEN_REFUSALS]),
        "Forbidden": (403, [ApiError(FORBIDDEN, "this requires the role admin")]),
        "TooManyRequests": (429, [ApiError(TOO_MANY_REQUESTS, "slow down")]),
        "UnexpectedError": (500, [ApiError(UNEXPECTED_ERROR)]),
    }


def _responses() -> Json:
    return {name: _response(status, errors) for name, (status, errors) in _shared().items()}


# --- one function ---------------------------------------------------------------------------------


class _Function:
    """The routes of one function."""

    def __init__(self, handler: str, sample: Json) -> None:
        self._handler = handler
        self._sample = sample
        self._module = importlib.import_module(handler.rpartition(".")[0])
        app = getattr(self._module, "app", None)
        if not isinstance(app, Api):
            raise Undocumented(f"{handler} handles a route, so its module needs an `app` made by sitewatch.api.Api.")
        self._app = app

    def schema(self) -> Json:
        """The OpenAPI document of its routes alone."""
        model: Any = self._app.get_openapi_schema()
        described: Json = _tidy(model.model_dump(mode="json", by_alias=True, exclude_none=True))
        schemas = described.setdefault("components", {}).setdefault("schemas", {})
        for name in _UNREAD_SCHEMAS:
            schemas.pop(name, None)
        operations = list(_operations(described["paths"]))
        names = [_function_name(operation, path, method) for path, method, operation in operations]
        for name, (_, _, operation) in zip(names, operations, strict=True):
            operation["description"] = _described(getattr(self._module, name).__doc__)
        for schema in schemas.values():
            if "description" in schema:  # only its first paragraph: the rest is for readers of the code
                schema["description"] = _described(schema["description"]).partition("\n\n")[0]
        kinds = [(name, method) for name, (_, method, _) in zip(names, operations, strict=True)]
        for (name, method), (_, _, operation) in zip(kinds, operations, strict=True):
            if method != "head" and [each for each, its_method in kinds if its_method != "head"].count(name) == 1:
                described = self._name(described, operation, name)
            elif kinds.count((name, method)) == 1:
                described = self._name(described, operation, f"{name}_{method}")
        for path, method, operation in _operations(described["paths"]):
            self._complete(operation, described["components"]["schemas"], path, method)
        return described

    @staticmethod
    def _name(described: Json, operation: Json, name: str) -> Json:
        # A form has no model, so Powertools names it after the operation.
        form = "".join(word.capitalize() for word in name.split("_")) + "Form"
        text = json.dumps(described).replace(f"Body_{operation['operationId']}", form)
        return dict(json.loads(text.replace(f'"{operation["operationId"]}"', f'"{name}"')))

    def _complete(self, operation: Json, schemas: Json, path: str, method: str) -> None:
        domain = self._handler.partition(".")[0]
        if operation.get("tags") != [domain]:
            raise Undocumented(f"{self._handler}: tag {method.upper()} {path} with its domain, tags=[{domain!r}].")
        if operation["summary"].startswith(method.upper()):
            raise Undocumented(f"{self._handler}: give {method.upper()} {path} a summary.")
        schemes: list[Json] = [{"bearer": []}]
        if self._app.roles & {Role.USER, Role.ADMIN}:
            schemes = [{"password": []}, *schemes]
        if not self._app.needs_token:
            schemes = [{}, *schemes] if self._app.roles else []
        operation["security"] = schemes
        if self._app.body_as_query and method == "get":
            operation["description"] += (
                "\n\nThe parameters may come as a JSON object in the body too, as older clients send them. "
                "The query wins."
            )
        self._add_idempotency_key(operation)
        self._add_examples(operation)
        self._add_answers(operation, schemas)
        if method == "head":
            self._without_bodies(operation)

    def _add_idempotency_key(self, operation: Json) -> None:
        if getattr(self._module, "once", None) is idempotency.once:
            operation.setdefault("parameters", []).append(
                {
                    "name": idempotency.HEADER,
                    "in": "header",
                    "required": False,
                    "description": "Requests with the same key and body within 24 hours are processed once and get the "
                    "first response again; the same key with another body is a 400.",
                    "schema": {
                        "type": "string",
                        "minLength": 1,
                        "maxLength": 255,
                        "pattern": r"^[^\x00-\x1f\x7f-\xa0\xad]+$",
                    },
                }
            )

    def _add_examples(self, operation: Json) -> None:
        given = {
            "query": self._sample.get("queryStringParameters") or {},
            "path": self._sample.get("pathParameters") or {},
        }
        for parameter in operation.get("parameters", []):
            value = given.get(parameter["in"], {}).get(parameter["name"])
            if value is not None:
                numeric = parameter["schema"].get("type") in ("integer", "number")
                parameter["example"] = json.loads(value) if numeric else value
        body = self._sample.get("body")
        for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
            if body:
                value = json.loads(body) if media_type == "application/json" else dict(parse_qsl(body))
                content["examples"] = {"sample": {"summary": "A sample", "value": value}}

    def _add_answers(self, operation: Json, schemas: Json) -> None:
        answers = {int(status): answer for status, answer in operation["responses"].items() if status != "422"}
        for status, answer in answers.items():
            if answer["description"] == "Successful Response":
                answer["description"] = HTTPStatus(status).phrase
            if status in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED):
                del answer["content"]
            if status == HTTPStatus.OK and "limit" in {each["name"] for each in operation.get("parameters", [])}:
                answer["headers"] = {
                    "Link": {
                        "description": 'On every page but the last: `<…>; rel="next"`, relative to this request.',
                        "schema": {"type": "string"},
                    }
                }
        shared = _shared()
        errors = {400: [*_bad_input(operation, schemas), _too_large(self._app.max_body_bytes)]}
        common = ["TooManyRequests", "UnexpectedError"]
        common += ["Unauthorized"] if self._app.roles else []
        common += ["Forbidden"] if self._app.roles not in (frozenset(), frozenset(Role)) else []
        for status, same in (shared[name] for name in common):
            errors.setdefault(status, []).extend(same)
        for code in self._app.errors:
            errors.setdefault(code.status, []).append(_own_error(code))
        for status, listed in errors.items():
            answers[status] = _reference(status, listed, shared)
        operation["responses"] = {str(status): answers[status] for status in sorted(answers)}

    @staticmethod
    def _without_bodies(operation: Json) -> None:
        """Describe a HEAD: the statuses of the GET, with no body."""
        operation["responses"] = {
            status: {"description": HTTPStatus(int(status)).phrase} for status in operation["responses"]
        }


def _own_error(code: ErrorCode) -> ApiError:
    return ApiError(code, "Token has been revoked" if code == BAD_TOKEN else None)


def _reference(status: int, errors: list[ApiError], shared: dict[str, tuple[int, list[ApiError]]]) -> Json:
    """The response with these errors: a reference to a shared component if that has the same errors."""
    for name, (its_status, its_errors) in shared.items():
        if its_status == status and [each.body() for each in its_errors] == [each.body() for each in errors]:
            return {"$ref": f"#/components/responses/{name}"}
    return _response(status, errors)


def _bad_input(operation: Json, schemas: Json) -> Iterator[ApiError]:
    """A 400 for each error code of the operation's fields, in the catalogue's order."""
    fields = [(parameter["name"], parameter["schema"]) for parameter in operation.get("parameters", [])]
    for content in operation.get("requestBody", {}).get("content", {}).values():
        fields += _fields(content["schema"], schemas)
    first: dict[ErrorCode, tuple[str, Json]] = {}
    for name, schema in fields:
        first.setdefault(code_of_field(name), (name, schema))
    for code in sorted(first, key=lambda code: code.subcode):
        name, schema = first[code]
        yield ApiError(code, [{"field": name, "message": _complaint(_without_null(schema))}])


def _complaint(schema: Json) -> str:
    """Roughly the validation message for a value that violates this schema."""
    for keyword, message in (
        ("maximum", "Input should be less than or equal to {}"),
        ("minimum", "Input should be greater than or equal to {}"),
        ("pattern", "String should match pattern '{}'"),
        ("minLength", "String should have at least {} characters"),
        ("maxLength", "String should have at most {} characters"),
        ("enum", "Input should be one of {}"),
        ("format", "Input should be a {}"),
    ):
        if keyword in schema:
            return message.format(schema[keyword])
    return "Input should be valid"


def _fields(schema: Json, schemas: Json) -> Iterator[tuple[str, Json]]:
    """The names and schemas of the fields that a body with this schema may have."""
    if "$ref" in schema:
        yield from _fields(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    for branch in (*schema.get("anyOf", []), *schema.get("oneOf", [])):
        yield from _fields(branch, schemas)
    if "items" in schema:
        yield from _fields(schema["items"], schemas)
    yield from schema.get("properties", {}).items()


def _operations(paths: Json) -> Iterator[tuple[str, str, Json]]:
    for path, item in paths.items():
        for method, operation in item.items():
            yield path, method, operation


def _function_name(operation: Json, path: str, method: str) -> str:
    # Powertools appends the path and the method.
    return str(operation["operationId"]).removesuffix(re.sub(r"\W", "_", path) + f"_{method}")


def _described(docstring: str | None) -> str:
    """A docstring as CommonMark."""
    return inspect.cleandoc(docstring or "").replace("``", "`")


def _tidy(value: Any) -> Any:
    """Write whole bounds as integers, and leave out ``null`` for parameters: a query cannot express it."""
    if isinstance(value, list):
        return [_tidy(each) for each in value]
    if not isinstance(value, dict):
        return int(value) if isinstance(value, float) and value.is_integer() else value
    tidied = {name: _tidy(each) for name, each in value.items()}
    if tidied.get("default") == "" and "minLength" in tidied:
        del tidied["default"]  # the default stands for an absent field and is not a valid value
    if {"in", "name", "schema"} <= tidied.keys():
        tidied["schema"] = _without_null(tidied["schema"])
    return tidied


def _without_null(schema: Json) -> Json:
    branches = [branch for branch in schema.get("anyOf", []) if branch != {"type": "null"}]
    if len(branches) != 1:
        return schema
    rest = copy.copy(schema)
    del rest["anyOf"]
    return {**branches[0], **rest}
