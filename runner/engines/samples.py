"""What `make invoke` hands to a function: its sample event, with what only a running system can give put in."""

import contextlib
import http.server
import json
import re
import threading
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

from runner.errors import RunnerError
from runner.local.deployment import read_template
from runner.stack import Stack
from runner.workspace import PROJECT_ROOT

SAMPLES = PROJECT_ROOT / "events"
ACCESS_TOKEN, REFRESH_TOKEN = "ACCESS_TOKEN", "REFRESH_TOKEN"
LOGIN_TIMEOUT_S = 60.0


def sample_name(function: str) -> str:
    """The name of a function's sample: `PostUsersFunction` has `post_users`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", function.removesuffix("Function")).lower()


def functions_of(template: Path) -> list[str]:
    """The logical ids of a built template's functions."""
    resources = read_template(template)["Resources"]
    return [name for name, each in resources.items() if each["Type"] == "AWS::Serverless::Function"]


def named(functions: Sequence[str], name: str) -> str:
    """The function that a person calls `PostUsersFunction`, `PostUsers` or `post_users`.

    Raises RunnerError where there is none.
    """
    for function in functions:
        if name in (function, function.removesuffix("Function"), sample_name(function)):
            return function
    known = ", ".join(sorted(sample_name(each) for each in functions))
    raise RunnerError(f"FUNCTION is one of {known}; not {name or 'empty'}.")


def event_of(function: str, file: str) -> str:
    """The event in a file, or a function's own sample where `file` is empty.

    Raises RunnerError where there is none, or it is not JSON.
    """
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
    """The event with tokens of the demo user in the place of `ACCESS_TOKEN` and `REFRESH_TOKEN`, where it has them.

    Raises RunnerError where the user can not log in.
    """
    if ACCESS_TOKEN not in event and REFRESH_TOKEN not in event:
        return event
    username = "daikiri"
    request = urllib.request.Request(  # noqa: S310 - the system's own address
        f"{stack.base_url}/login",
        data=json.dumps({"username": username, "password": stack.users[username]}).encode(),
        headers={"Content-Type": "application/json"},
    )
    try:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=LOGIN_TIMEOUT_S) as answer:
            tokens = json.load(answer)
    except OSError as error:
        raise RunnerError(f"{username} cannot log in for a token: {error}") from error
    return event.replace(ACCESS_TOKEN, tokens["token"]).replace(REFRESH_TOKEN, tokens["refresh_token"])


@contextlib.contextmanager
def answered(event: str, *, bind: str, host: str) -> Iterator[tuple[str, list[str]]]:
    """The event with a `ResponseURL`, if it has one, that is listened to while the block runs; and what came there.

    `bind` is the address to listen on, `host` what the function calls this machine.
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

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - its parent's name for it
            """Say nothing."""

    with http.server.ThreadingHTTPServer((bind, 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield json.dumps({**parsed, "ResponseURL": f"http://{host}:{server.server_port}/answer"}), received
        finally:
            server.shutdown()
