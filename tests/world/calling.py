"""Call a function as API Gateway does, and read its response as a client does."""

import base64
import importlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from aws_lambda_powertools.utilities.typing import LambdaContext

from accounts import issuing
from sitewatch import clock, ids, tokens
from sitewatch.callers import Caller, Role, TokenUse
from tests.world.template import routes


@dataclass(frozen=True, slots=True)
class Answer:
    """A function's response."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def next_query(self) -> dict[str, str] | None:
        """The query parameters of the link to the next page."""
        link = self.headers.get("link")
        return dict(parse_qsl(link.partition("?")[2].partition(">")[0])) if link else None


class Context(LambdaContext):
    """The context that Lambda passes to a function."""

    def __init__(self) -> None:
        self._function_name = "test"
        self._memory_limit_in_mb = 128
        self._invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:test"
        self._aws_request_id = ids.new_id()

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 10_000


def call(
    method: str,
    resource: str,
    *,
    path: Mapping[str, str] | None = None,
    query: Mapping[str, object] | None = None,
    body: object = None,
    form: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    token: str | None = None,
    address: str = "192.0.2.1",
) -> Answer:
    """Call ``method`` on ``resource`` (a path of the template, ``/api/tokens/{token_id}``).

    ``body`` is sent as JSON, text as it is, bytes in base64; ``form`` as an HTML form.
    """
    handler = handler_of(routes()[method, resource])
    event = api_event(
        method, resource, path=path, query=query, body=body, form=form, headers=headers, token=token, address=address
    )
    return read(handler(event, Context()))


def handler_of(name: str) -> Any:
    """The function with this handler in the template (``"accounts.get_users.handler"``)."""
    module, _, function = name.rpartition(".")
    return getattr(importlib.import_module(module), function)


def read(answer: Mapping[str, Any]) -> Answer:
    """A function's return value as a client sees it."""
    many = {name: values[-1] for name, values in answer.get("multiValueHeaders", {}).items()}
    return Answer(
        status=answer["statusCode"],
        headers={name.lower(): value for name, value in {**many, **answer.get("headers", {})}.items()},
        text=answer["body"] or "",
    )


def api_event(
    method: str,
    resource: str,
    *,
    path: Mapping[str, str] | None = None,
    query: Mapping[str, object] | None = None,
    body: object = None,
    form: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    token: str | None = None,
    address: str = "192.0.2.1",
) -> dict[str, Any]:
    """The event that a REST API's Lambda proxy integration sends."""
    sent = dict(headers or {})
    if token is not None:
        sent["Authorization"] = f"Bearer {token}"
    if form is not None:
        sent["Content-Type"] = "application/x-www-form-urlencoded"
        body = urlencode(form)
    elif body is not None and not isinstance(body, bytes):
        sent.setdefault("Content-Type", "application/json")
        body = body if isinstance(body, str) else json.dumps(body)
    where = resource.format(**(path or {}))
    asked = {name: str(value) for name, value in (query or {}).items()}
    return {
        "resource": resource,
        "path": where,
        "httpMethod": method,
        "headers": sent,
        "multiValueHeaders": {name: [value] for name, value in sent.items()},
        "queryStringParameters": asked or None,
        "multiValueQueryStringParameters": {name: [value] for name, value in asked.items()} or None,
        "pathParameters": dict(path) if path else None,
        "stageVariables": None,
        "requestContext": {
            "resourcePath": resource,
            "httpMethod": method,
            "path": f"/v1{where}",
            "stage": "v1",
            "requestId": ids.new_id(),
            "identity": {"sourceIp": address},
        },
        "body": base64.b64encode(body).decode() if isinstance(body, bytes) else body,
        "isBase64Encoded": isinstance(body, bytes),
    }


def access_token(role: Role = Role.USER, *, subject: str | None = None, username: str = "someone") -> str:
    """An access token for a user who need not exist."""
    caller = Caller(subject or ids.new_id(), username, role, TokenUse.ACCESS, ids.new_id())
    return issuing.sign(caller, expires_at=clock.now() + tokens.ACCESS_LIFETIME)


def admin_token() -> str:
    return access_token(Role.ADMIN)
