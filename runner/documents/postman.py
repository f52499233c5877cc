"""A Postman collection (format v2.1) of the OpenAPI document.

It runs from top to bottom. The login comes first and stores its token in a variable of the collection, which every
other request sends; the logout comes last. Ids in responses (of a user, a token, a job) are stored for the requests
that need them, so a run changes and deletes only what it has made.
"""

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

Json = dict[str, Any]

SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
_LOGIN = ("post", "/token")
_LOGOUT = ("post", "/auth/logout")
_LATE = (("post", "/auth/reset-password"), ("delete", "/users/{user_id}"))
"""Requests that come last in their folder: they use what the others return."""
_OWN_NAMES: dict[tuple[str, str], Json] = {
    ("post", "/users"): {"username": "alice-{{$guid}}"},
    ("post", "/auth/signup"): {"username": "alice-{{$guid}}"},
    ("put", "/users/me/password"): {"current_password": "{{password}}", "new_password": "{{password}}"},
    _LOGOUT: {"everywhere": False},
}
"""Fields of requests that differ from the sample, so that the collection can run again and again."""
_CREATED = {("post", "/users"): "user_id", ("post", "/api/tokens"): "token_id"}
"""The variables that get the id in a response."""
_VARIABLES = {"baseUrl": "http://127.0.0.1:4566", "username": "daikiri", "password": "tekila", "token": ""}
_REMEMBER = """\
// Values in the response with the name of a collection variable are stored in it, for later requests.
const names = {access_token: "token", token: "token", api_token: null};
let body = {};
try { body = pm.response.json(); } catch (error) { /* not JSON */ }
for (const [name, value] of Object.entries(Array.isArray(body) ? body[0] || {} : body || {})) {
    const variable = name in names ? names[name] : name;
    if (variable && typeof value === "string" && pm.collectionVariables.has(variable)) {
        pm.collectionVariables.set(variable, value);
    }
}"""


def collection(document: Json) -> Json:
    """The collection of every route of an OpenAPI document."""
    operations = [
        (method, path, operation) for path, item in document["paths"].items() for method, operation in item.items()
    ]
    first, last = ([each for each in operations if each[:2] == route] for route in (_LOGIN, _LOGOUT))
    rest = [each for each in operations if each[:2] not in (_LOGIN, _LOGOUT)]
    rest.sort(key=lambda each: each[:2] in _LATE)  # stable: the others keep their order
    folders = [
        {
            "name": tag["name"],
            "description": tag.get("description", ""),
            "item": [_request(*each) for each in rest if each[2]["tags"] == [tag["name"]]],
        }
        for tag in document["tags"]
    ]
    return {
        "info": {
            "name": document["info"]["title"],
            "description": document["info"]["description"],
            "version": document["info"]["version"],
            "schema": SCHEMA,
        },
        "auth": {"type": "bearer", "bearer": [{"key": "token", "value": "{{token}}", "type": "string"}]},
        "event": [_script(_REMEMBER)],
        "variable": [{"key": name, "value": value} for name, value in _variables(document).items()],
        "item": [*(_request(*each) for each in first), *folders, *(_request(*each) for each in last)],
    }


def _variables(document: Json) -> dict[str, str]:
    """The collection's own variables, and one for each path parameter, with its example."""
    found = dict(_VARIABLES, refresh_token="", reset_token="")
    for item in document["paths"].values():
        for operation in item.values():
            for parameter in operation.get("parameters", []):
                if parameter["in"] == "path":
                    found.setdefault(parameter["name"], str(parameter.get("example", "unknown")))
    return found


def _request(method: str, path: str, operation: Json) -> Json:
    parts = [re.sub(r"^\{(.*)\}$", r"{{\1}}", part) for part in path.strip("/").split("/") if part]
    query = [
        {"key": each["name"], "value": str(each["example"]), "description": each.get("description", "")}
        for each in operation.get("parameters", [])
        if each["in"] == "query" and "example" in each
    ]
    raw = "/".join(["{{baseUrl}}", *parts])
    if query:
        raw += "?" + "&".join(f"{each['key']}={quote(each['value'], safe=':')}" for each in query)
    request: Json = {
        "method": method.upper(),
        "header": [],
        "description": operation.get("description", ""),
        "url": {"raw": raw, "host": ["{{baseUrl}}"], "path": parts, **({"query": query} if query else {})},
    }
    if not operation["security"] or {} in operation["security"]:
        request["auth"] = {"type": "noauth"}
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        sample = content.get("examples", {}).get("sample", {}).get("value", {})
        if isinstance(sample, dict):
            sample = sample | _OWN_NAMES.get((method, path), {})
        request |= _body(media_type, sample, is_login="401" in operation["responses"])
    return {
        "name": operation["summary"],
        "request": request,
        "event": [_script("\n".join(_checks(method, path, operation)))],
    }


def _body(media_type: str, sample: Any, *, is_login: bool) -> Json:
    if isinstance(sample, dict):
        names = ("username", "password") if is_login and "{{" not in str(sample.get("username")) else ()
        variables = (*names, "refresh_token", "reset_token")
        sample = {name: f"{{{{{name}}}}}" if name in variables else value for name, value in sample.items()}
    header = {"header": [{"key": "Content-Type", "value": media_type}]}
    if media_type == "application/json":
        text = json.dumps(sample, indent=2, ensure_ascii=False)
        return {**header, "body": {"mode": "raw", "raw": text, "options": {"raw": {"language": "json"}}}}
    fields = [{"key": name, "value": value, "type": "text"} for name, value in sample.items()]
    return {**header, "body": {"mode": "urlencoded", "urlencoded": fields}}


def _checks(method: str, path: str, operation: Json) -> Iterator[str]:
    """The checks of a response: its status is documented, and not a rejection."""
    named = [int(status) for status in operation["responses"] if status not in ("400", "401", "403", "429", "500")]
    yield f'pm.test("a documented status", () => pm.expect(pm.response.code).to.be.oneOf({named}));'
    if (method, path) == _LOGIN:
        yield 'pm.test("a token", () => pm.expect(pm.response.json().access_token).to.be.a("string"));'
    if (method, path) in _CREATED:
        variable = _CREATED[method, path]
        yield f'if (pm.response.code === 201) pm.collectionVariables.set("{variable}", pm.response.json().id);'


def _script(text: str) -> Json:
    return {"listen": "test", "script": {"type": "text/javascript", "exec": text.splitlines()}}
