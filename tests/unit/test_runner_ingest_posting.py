"""`make ingest KIND=readings|events` posts each row of a file to the API once, and names every line that it rejects."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from runner.__main__ import main
from runner.operate.ingest import posting
from runner.stack import Stack
from tests.world.servers import Behaviour, Server, answering, resetting, serving

TOKEN = "a.secret.token"
STORED = answering(b'{"message": "OK"}')
READINGS = "sensor,ts,in,out\n" + "front,2026-11-22T06:10:30Z,5,2\n"


def refusing(*problems: tuple[str, str], status: str = "400 Bad Request") -> Behaviour:
    """Respond with an error of the API that names these fields."""
    detail = [{"field": field, "message": message} for field, message in problems]
    return answering(json.dumps({"code": 400, "error": "Invalid", "detail": detail}).encode(), status)


def events(*payloads: str) -> str:
    return "event_type,event_payload\n" + "".join(f"open,{payload}\n" for payload in payloads)


def heads(server: Server) -> list[dict[str, str]]:
    """The headers of each request."""
    lines = [request.partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:] for request in server.requests]
    return [{name.lower(): value for name, _, value in (line.partition(": ") for line in each)} for each in lines]


def keys(server: Server) -> list[str]:
    return [head["idempotency-key"] for head in heads(server)]


def bodies(server: Server) -> list[Any]:
    return [json.loads(request.partition(b"\r\n\r\n")[2]) for request in server.requests]


class Run:
    """Runs the command on a file with this content, and keeps its output."""

    def __init__(self, capsys: pytest.CaptureFixture[str], folder: Path) -> None:
        self._capsys = capsys
        self._file = folder / "file"

    def __call__(self, kind: str, content: str, *words: str) -> int:
        self._file.write_text(content, encoding="utf-8")
        code = main(["ingest", str(self._file), "--kind", kind, *words])
        self.out, self.err = self._capsys.readouterr()
        assert TOKEN not in self.out + self.err
        return code

    def at(self, server: Server, kind: str, content: str) -> int:
        return self(kind, content, "--base-url", server.url + "/v1/", "--token", TOKEN)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    return Run(capsys, tmp_path)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were made; they take no time."""
    made: list[float] = []
    monkeypatch.setattr(time, "sleep", made.append)
    return made


def test_events_go_in_lists_of_a_hundred_with_the_token(run: Run) -> None:
    with serving(STORED) as server:
        assert run.at(server, "events", events(*map(str, range(250)))) == 0
    assert run.out.startswith("250 put, 0 bad, ")
    assert sorted(len(body) for body in bodies(server)) == [50, 100, 100]
    assert {request.split()[1] for request in server.requests} == {b"/v1/api/event"}
    assert {head["authorization"] for head in heads(server)} == {f"Bearer {TOKEN}"}
    sent = [event["event_payload"] for body in bodies(server) for event in body]
    assert sorted(sent, key=int) == [str(number) for number in range(250)]


def test_readings_go_one_by_one(run: Run) -> None:
    with serving(STORED) as server:
        assert run.at(server, "readings", READINGS) == 0
    assert server.requests[0].startswith(b"POST /v1/api/webhook ")
    assert bodies(server) == [{"sensor": "front", "ts": "2026-11-22T06:10:30Z", "in_count": 5, "out": 2}]


def test_json_lines_are_posted_as_they_are(run: Run) -> None:
    content = '{"event_type": "a", "more": [1]}\n[1]\nnonsense\n'
    with serving(STORED) as server:
        assert run.at(server, "events", content) == 1
    assert bodies(server) == [[{"event_type": "a", "more": [1]}]]
    assert run.err.splitlines()[0] == "line 2: not a JSON object"
    assert run.err.splitlines()[1].startswith("line 3: not JSON: ")


def test_lines_that_the_api_rejects_are_named_and_the_others_are_posted_again(run: Run) -> None:
    refused = refusing(("0.event_type", "too long"), ("2.event_type", "too long"), ("2.event_payload", "bad"))
    with serving(refused, STORED) as server:
        assert run.at(server, "events", events("a", "b", "c", "d")) == 1
    assert run.err.splitlines() == [
        "line 2: event_type: too long",
        "line 4: event_type: too long; event_payload: bad",
    ]
    assert [event["event_payload"] for event in bodies(server)[1]] == ["b", "d"]
    assert len(set(keys(server))) == 2
    assert run.out.startswith("2 put, 2 bad, ")


@pytest.mark.parametrize(
    "answer", [refusing(("body", "at most 9 bytes")), answering(b'{"message": "no"}', "400 Bad Request")]
)
def test_if_no_line_is_named_all_of_the_request_are_bad(run: Run, answer: Behaviour) -> None:
    with serving(answer) as server:
        assert run.at(server, "events", events("a", "b")) == 1
    assert len(server.requests) == 1
    assert [line[:8] for line in run.err.splitlines()] == ["line 2: ", "line 3: "]


def test_a_rejected_reading_is_named(run: Run) -> None:
    with serving(refusing(("out", "not negative"))) as server:
        assert run.at(server, "readings", READINGS) == 1
    assert run.err == "line 2: out: not negative\n"


def test_too_many_requests_wait_as_long_as_retry_after_says(run: Run, pauses: list[float]) -> None:
    busy = answering(b"{}", "429 Too Many Requests", Retry_After="7")
    with serving(busy, STORED) as server:
        assert run.at(server, "readings", READINGS) == 0
    assert 7 in pauses
    assert len(set(keys(server))) == 1
    assert len(server.requests) == 2


@pytest.mark.parametrize("fault", [resetting, answering(b"", "502 Bad Gateway"), answering(b"", "500 Oh")])
def test_a_request_is_sent_again_after_a_fault_under_the_same_key(
    run: Run, pauses: list[float], fault: Behaviour
) -> None:
    with serving(fault, STORED) as server:
        assert run.at(server, "events", events("a")) == 0
    assert len(keys(server)) == 2
    assert len(set(keys(server))) == 1


def test_the_same_file_has_the_same_keys_and_another_file_has_others(run: Run) -> None:
    seen = []
    for content in (events("a"), events("a"), events("a", "b")):
        with serving(STORED) as server:
            assert run.at(server, "events", content) == 0
        seen += keys(server)
    assert seen[0] == seen[1] != seen[2]


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (answering(b'{"detail": "Token has expired"}', "401 Unauthorized"), "401: Token has expired"),
        (answering(b'{"error": "Forbidden"}', "403 Forbidden"), "403: Forbidden"),
        (answering(b"<html>", "404 Not Found"), "404: this is no Sitewatch"),
        (answering(b"", "503 Service Unavailable"), "503: "),
    ],
)
def test_other_errors_end_the_import(run: Run, pauses: list[float], answer: Behaviour, says: str) -> None:
    with serving(answer) as server:
        assert run.at(server, "events", events("a")) == 1
        assert run.err.startswith(f"{server.url}/v1/api/event answers {says}")
    assert run.out == ""


def test_an_api_that_does_not_respond_is_one_clear_error(run: Run, pauses: list[float]) -> None:
    with serving(STORED) as server:
        pass
    assert run.at(server, "events", events("a")) == 1
    assert run.err.startswith(f"There is no response from {server.url}/v1: ")
    assert "refused" in run.err


@pytest.fixture
def local(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Make the system at this address the local one."""

    def make(url: str) -> None:
        stack = Stack(url, url, "us-east-1", "sitewatch", "s", {"root": "secret", "daikiri": TOKEN})
        monkeypatch.setattr(Stack, "read", lambda _: stack)
        monkeypatch.setattr("runner.operate.ingest.running_file", lambda: Path("stack.json"))

    return make


def test_the_local_systems_user_logs_in(run: Run, local: Callable[[str], None]) -> None:
    logged_in = answering(b'{"access_token": "fresh", "token_type": "bearer", "expires_in": 1800}')
    with serving(logged_in, STORED) as server:
        local(server.url)
        assert run("events", events("a")) == 0
    login, post = server.requests
    assert login.startswith(b"POST /token ")
    assert parse_qs(login.partition(b"\r\n\r\n")[2].decode()) == {"username": ["daikiri"], "password": [TOKEN]}
    assert post.startswith(b"POST /api/event ")
    assert heads(server)[1]["authorization"] == "Bearer fresh"


def test_an_old_token_is_renewed(local: Callable[[str], None]) -> None:
    old = answering(b'{"access_token": "old", "expires_in": 0}')
    with serving(old) as server:
        local(server.url)
        api = posting.destination("", "", Path("stack.json"))
        api.log_in()
        api.log_in()
    assert len(server.requests) == 2


def test_a_failed_login_is_one_clear_error(run: Run, local: Callable[[str], None]) -> None:
    with serving(answering(b'{"detail": "Bad Credentials"}', "401 Unauthorized")) as server:
        local(server.url)
        assert run("events", events("a")) == 1
        assert run.err == f"{server.url} answers 401 to daikiri's login: Bad Credentials\n"


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("vans", []),
        ("detections", ["--base-url", "http://x"]),
        ("events", ["--source", "gate"]),
        ("readings", ["--stream", "mine"]),
        ("events", ["--base-url", "x"]),
        ("events", ["--encoding", "klingon"]),
    ],
)
def test_bad_usage_is_one_clear_line(run: Run, kind: str, words: list[str]) -> None:
    assert run(kind, events("a"), *words) == 2
    assert len(run.err.splitlines()) == 1
