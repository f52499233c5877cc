"""HTTP requests to the systems that the runner starts, never through a proxy."""

import http.client
import json
import urllib.error
import urllib.request

NO_ANSWER = 0


def get(url: str, timeout_s: float = 5.0) -> tuple[int, bytes]:
    """The status and body of a GET; the status is 0 if there is no response."""
    return _send(urllib.request.Request(url), timeout_s)  # noqa: S310 - the system's own address


def post_json(url: str, content: object, timeout_s: float) -> tuple[int, bytes]:
    """The status and body of a POST of JSON; the status is 0 if there is no response."""
    body, headers = json.dumps(content).encode(), {"Content-Type": "application/json"}
    return _send(urllib.request.Request(url, data=body, headers=headers), timeout_s)  # noqa: S310 - as above


def _send(request: urllib.request.Request, timeout_s: float) -> tuple[int, bytes]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=timeout_s) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except (OSError, http.client.HTTPException):
        return NO_ANSWER, b""
