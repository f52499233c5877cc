"""Sample events for `make invoke`, completed with tokens and a response URL of the running system."""

import contextlib
import http.server
import json
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

from runner.errors import RunnerError
from runner.http_client import post_json
from runner.project import SAMPLES, sample_name
from runner.stack import Stack, choose

ACCESS_TOKEN, REFRESH_TOKEN = "ACCESS_TOKEN", "REFRESH_TOKEN"
LOGIN_TIMEOUT_S = 60.0


def named(functions: Iterable[str], name: str) -> str:
    """The function that the user calls `PostUsersFunction`, `PostUsers` or `post_users`."""
    by_sample = {sample_name(function): function for function in functions}
    return by_sample[choose(by_sample, name, suffix="Function", variable="FUNCTION")]


def event_of(function: str, file: str) -> str:
    """The event in a file, or a function's own sample if `file` is empty."""
    path = Path(file) if file else SAMPLES / f"{sample_name(function)}.json"
    try:
        text = path.read_text(encoding="utf-8")
        json.loads(text)
    except FileNotFoundError:
        raise RunnerError(f"There is no event {path}.") from None
    except ValueError as error:
        raise RunnerError(f"{path} is not JSON: {error}") from error
    return text


def with_tokens(event: str, stack: Stack) -> str:
    """The event with the demo user's tokens in place of `ACCESS_TOKEN` and `REFRESH_TOKEN`, if it contains them."""
    if ACCESS_TOKEN not in event and REFRESH_TOKEN not in event:
        return event
    username, password = stack.user
    login = {"username": username, "password": password}
    status, body = post_json(f"{stack.base_url}/login", login, LOGIN_TIMEOUT_S)
    if status != http.HTTPStatus.OK:
        raise RunnerError(f"{username} cannot log in for a token: {status or 'no answer'} {body.decode()[:200]}")
    tokens = json.loads(body)
    return event.replace(ACCESS_TOKEN, tokens["token"]).replace(REFRESH_TOKEN, tokens["refresh_token"])


@contextlib.contextmanager
def answered(event: str, *, bind: str, host: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the event, and a list of what its function sends to its `ResponseURL` while the block runs.

    If the event has a `ResponseURL`, it is replaced by that of a server on the address `bind`, which the function
    reaches under the name `host`.
    """
    received: list[str] = []
    parsed = json.loads(event)
    if not isinstance(parsed, dict) or "ResponseURL" not in parsed:
        yield event, received
        return

    class Answers(http.server.BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            received.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the parent's name
            """Log nothing."""

    with http.server.ThreadingHTTPServer((bind, 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield json.dumps({**parsed, "ResponseURL": f"http://{host}:{server.server_port}/answer"}), received
        finally:
            server.shutdown()
