"""``python -m tests.load.warm MODULE CALLS``: time a function's first call and its warm calls.

AWS's responses come from memory.
"""

import contextlib
import importlib
import io
import json
import os
import statistics
import sys
import time
from collections.abc import Iterator
from typing import Any

from botocore.awsrequest import AWSResponse
from botocore.httpsession import URLLib3Session

_DETECTIONS = 100
_SHARDS = 4


def detection(number: int) -> dict[str, Any]:
    """Return a stored detection in DynamoDB's format."""
    at = f"2026-11-22T06:{number % 60:02}:00.000000Z"
    texts = {
        "id": f"gate-{number}",
        "make": "Volvo",
        "model": "XC60",
        "category": "SUV",
        "created_at": at,
        "position": f"{at}#gate-{number}",
        "time_partition": "2026-11#0#",
        "make_partition": "2026-11#0#Volvo",
        "category_partition": "2026-11#0#SUV",
    }
    return {name: {"S": text} for name, text in texts.items()} | {"year": {"N": "2021"}, "suspicious": {"BOOL": True}}


def user(number: int) -> dict[str, Any]:
    """Return a stored user in DynamoDB's format."""
    texts = {
        "key": f"user#{number}",
        "kind": "user",
        "id": f"{number:026}",
        "username": f"user-{number}",
        "password_hash": "x",
        "role": "user",
        "created_at": "2026-11-22T06:00:00.000000Z",
    }
    return {name: {"S": text} for name, text in texts.items()} | {"disabled": {"BOOL": False}}


def items_of(request: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the items of a query's response, from tables with a hundred detections and users."""
    match request.get("TableName"), request.get("IndexName"):
        case "DetectionCountsTable", _:
            return [{"counter": {"S": "x"}, "value": {"S": "2026-11-22T06"}, "total": {"N": str(_DETECTIONS)}}]
        case "UserStatusTable", _:
            return []  # nothing has happened to the caller
        case "UsersTable", _:
            return [user(number) for number in range(_DETECTIONS)]
        case _, None:
            return [detection(number) for number in range(_DETECTIONS)]
        case _:
            return [detection(number) for number in reversed(range(_DETECTIONS // _SHARDS))]


def main() -> None:
    """Time the calls and print the first one and the median of the others as JSON."""
    module, calls = sys.argv[1:]

    def send(_session: Any, request: Any) -> AWSResponse:
        items = items_of(json.loads(request.body))
        body = json.dumps({"Items": items, "Count": len(items), "ScannedCount": len(items)}).encode()
        headers: Any = {"x-amzn-requestid": "1", "content-type": "application/x-amz-json-1.0"}
        return AWSResponse(request.url, 200, headers, Raw(body))

    session_class: Any = URLLib3Session
    session_class.send = send
    handler, event = prepared(module)
    times = []
    with contextlib.redirect_stdout(io.StringIO()):
        first = time.process_time()
        handler(event, Context())
        first = (time.process_time() - first) * 1000
        for _ in range(int(calls)):
            began = time.perf_counter()
            answer = handler(event, Context())
            times.append((time.perf_counter() - began) * 1000)
            assert answer["statusCode"] == 200, answer
    result = {"first": first, "warm": statistics.median(times), "status": status_milliseconds(module, int(calls))}
    print(json.dumps(result))  # noqa: T201 - the output


def status_milliseconds(module: str, calls: int) -> float:
    """The median of a read of the caller's status, which endpoints make at most every 30 s; 0 for a bare function."""
    if module.startswith("bare"):
        return 0
    from sitewatch import user_status  # noqa: PLC0415

    times = []
    for _ in range(calls):
        began = time.perf_counter()
        user_status.read("01ARZ3NDEKTSV4RRFFQ69G5FAV", fresh=True)
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)


class Raw:
    """A body that urllib3 can stream."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self) -> Iterator[bytes]:
        yield self._body


class Context:
    """The parts of Lambda's context that functions read."""

    function_name = "bench"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:bench"
    aws_request_id = "1"


def prepared(module: str) -> tuple[Any, dict[str, Any]]:
    """Return a module's handler, and the request for each of its calls."""
    if module.startswith("bare"):
        return importlib.import_module(module).handler, {}
    from sitewatch import keys  # noqa: PLC0415

    secret = "a secret of high entropy, as far as benchmarks go"
    os.environ["TOKEN_PUBLIC_KEYS"] = json.dumps({"keys": [keys.public_jwk(keys.signing_key(secret).public_key())]})
    keys.current_signing_key = lambda: keys.signing_key(secret)  # type: ignore[assignment]
    from tests.world.calling import access_token, api_event  # noqa: PLC0415
    from tests.world.template import routes  # noqa: PLC0415

    method, resource = next(route for route, handler in routes().items() if handler == f"{module}.handler")
    event = api_event(method, resource, query={"limit": str(_DETECTIONS)}, token=access_token())
    return importlib.import_module(module).handler, event


if __name__ == "__main__":
    main()
