"""Run the emulator behind a guard that keeps web pages out.

The emulator itself answers every origin, takes anybody for its root account, and resets itself on request: a page in
the developer's browser could read the secrets and delete the data. The guard passes on

- calls of the deployed API, which has its own rules for other origins, and
- AWS calls that are signed with the credentials of this system or of one of its functions,

and rejects everything else before the emulator sees it.

The emulator's interpreter runs this file, so that it imports nothing of the runner.
"""

import json
import os
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, quote

from ministack import app as ministack
from ministack.core.iam_evaluator import is_root_access_key
from ministack.core.router import extract_access_key_id
from ministack.core.sigv4 import (
    decode_header_value,
    header_signature_failure,
    parse_header_signature,
    parse_query_signature,
    request_time_failure,
)

Scope = dict[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

HOST = re.compile(
    r"(?:(?P<api>[0-9a-f]{8}\.execute-api\.)?(?:localhost|\d{1,3}(?:\.\d{1,3}){3})"
    r"|\[[0-9a-f:]+\]|host\.docker\.internal)(?::\d+)?",
    re.IGNORECASE,
)
"""Names and addresses of this machine. A page that rebinds a name of its own to 127.0.0.1 sends another one."""
API_PATH = re.compile(r"/restapis/[^/]+/[^/]+/_user_request_(?:/|$)|/_aws/execute-api/[^/]+/[^/]+(?:/|$)")
READY_PATH = "/_ministack/ready"
ANSWER_PATHS = ("/_ministack/cfn-response/", "/_ministack/cfn-signal/")
"""Custom resources send their results here, under a token that only they get."""
EMULATOR_PATH = re.compile(r"/_(?!aws/execute-api/)|/health$")
"""The emulator's own routes: its state, its settings, the messages in its queues."""


class Guard:
    """An ASGI application in front of the emulator. `stage` is the stage of the deployed API."""

    def __init__(self, emulator: Application, stage: str, access_key: str, secret_key: str) -> None:
        self._emulator = emulator
        self._stage = stage
        self._access_key = access_key
        self._secret_key = secret_key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            headers = _headers(scope)
            if not self._is_open(scope, headers):
                refusal = self._refusal(scope, headers)
                if refusal is None and _is_root(scope, headers):
                    body, receive = await _buffered(receive)
                    refusal = self._signature_failure(scope, headers, body)
                if refusal is not None:
                    await _refuse(scope, send, refusal)
                    return
        await self._emulator(scope, receive, send)

    def _is_open(self, scope: Scope, headers: Mapping[str, str]) -> bool:
        """Whether everybody may send this request: it goes to the deployed API, or asks whether the emulator runs."""
        host = HOST.fullmatch(headers.get("host", ""))
        if host is None:
            return False
        path = scope["path"]
        if host["api"]:
            return bool(path == f"/{self._stage}" or path.startswith(f"/{self._stage}/"))
        if API_PATH.match(path):
            return True
        if "origin" in headers or scope["type"] != "http":
            return False
        return bool(path == READY_PATH or (scope["method"] == "PUT" and path.startswith(ANSWER_PATHS)))

    def _refusal(self, scope: Scope, headers: Mapping[str, str]) -> str | None:
        """Why a request is rejected whatever its signature is; None if it depends on that."""
        if HOST.fullmatch(headers.get("host", "")) is None:
            return "The host name is not one of this machine."
        if "origin" in headers:
            return "AWS calls from web pages are rejected."
        if EMULATOR_PATH.match(scope["path"]):
            return "The emulator's own routes are closed."
        key = _access_key(scope, headers)
        if is_root_access_key(key) and key != self._access_key:
            return "The request is not signed with the credentials of this system: see .local/credentials."
        return None

    def _signature_failure(self, scope: Scope, headers: Mapping[str, str], body: bytes) -> str | None:
        """Why the signature of the root account is wrong; None if it is right. The emulator does not check it."""
        query = _query(scope)
        presigned = not headers.get("authorization")
        signature = parse_query_signature(query) if presigned else parse_header_signature(headers)
        if isinstance(signature, tuple):
            return str(signature[1])
        raw_path = (scope.get("raw_path") or quote(scope["path"]).encode()).decode("latin-1")
        failure = request_time_failure(signature) or header_signature_failure(
            signature, self._secret_key, scope["method"], raw_path, query, headers, body, presigned=presigned
        )
        return str(failure[1]) if failure else None


def _headers(scope: Scope) -> dict[str, str]:
    """Return the headers as the emulator reads them for signatures: repeated ones joined by a comma."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), decode_header_value(raw_value)
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    return headers


def _query(scope: Scope) -> dict[str, list[str]]:
    return parse_qs(scope["query_string"].decode("utf-8", "replace"), keep_blank_values=True)


def _access_key(scope: Scope, headers: Mapping[str, str]) -> str:
    key: str = extract_access_key_id(dict(headers), _query(scope))
    return key


def _is_root(scope: Scope, headers: Mapping[str, str]) -> bool:
    return bool(is_root_access_key(_access_key(scope, headers)))


async def _buffered(receive: Receive) -> tuple[bytes, Receive]:
    """Read the body, and return it with a `receive` that gives it once more."""
    messages, body = [], b""
    while True:
        message = await receive()
        messages.append(message)
        body += message.get("body", b"")
        if not message.get("more_body"):
            break

    async def again() -> Message:
        return messages.pop(0) if messages else await receive()

    return body, again


async def _refuse(scope: Scope, send: Send, reason: str) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    body = json.dumps({"__type": "AccessDeniedException", "message": reason}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": body})


if __name__ == "__main__":
    ministack.app = Guard(
        ministack.app,
        os.environ["GUARD_STAGE"],
        os.environ["AWS_ACCESS_KEY_ID"],
        os.environ["AWS_SECRET_ACCESS_KEY"],
    )
    ministack.main()
