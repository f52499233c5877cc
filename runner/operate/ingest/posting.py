"""Post readings or events to the API, with a token."""

import hashlib
import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3

from runner.errors import RunnerError
from runner.operate.ingest.progress import Tally
from runner.operate.ingest.reading import Columns, Row
from runner.stack import Stack
from sitewatch.delivery import chunks

CONCURRENT = 4
TIMEOUT = urllib3.Timeout(connect=5, read=35)
RETRIES = urllib3.Retry(
    total=8,
    connect=3,
    allowed_methods=None,  # POST too: every request has an Idempotency-Key
    status_forcelist=(429, 500, 502, 503, 504),
    backoff_factor=0.2,
    backoff_max=10,
    backoff_jitter=0.2,
    retry_after_max=60,
    raise_on_status=False,
)
"""After a 429 or 503 it waits as long as Retry-After says."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of record that the API takes: the route, and how many of them one request may have."""

    path: str
    columns: Columns
    max_rows: int = 1


KINDS = {
    "readings": Kind(
        "/api/webhook",
        Columns(
            "readings",
            needed=("sensor", "ts", "in_count", "out"),
            aliases={"in": "in_count"},
            numbers=frozenset({"in_count", "out"}),
        ),
    ),
    "events": Kind(
        "/api/event",
        Columns("events", needed=("event_type", "event_payload"), verbatim=frozenset({"event_payload"})),
        max_rows=100,
    ),
}


class Api:
    """A deployment's API, as the bearer of a token, of the local system's demo user, or of nothing."""

    def __init__(self, base_url: str, token: str = "", user: tuple[str, str] | None = None) -> None:
        self.base_url = base_url
        self._user = user
        self._token = token
        self._renew_at = 0.0
        self._http = urllib3.PoolManager(maxsize=CONCURRENT, timeout=TIMEOUT, retries=RETRIES)

    def post(self, path: str, body: str, key: str) -> tuple[int, Any]:
        """The status and the JSON of a POST. Raises RunnerError if there is no response, even after retries."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        return self._send(path, body=body.encode(), headers=headers)

    def log_in(self) -> None:
        """Get a token for the user, if there is one and it is time for a new one."""
        if self._user is None or time.monotonic() < self._renew_at:
            return
        username, password = self._user
        fields = {"username": username, "password": password}
        status, answer = self._send("/token", fields=fields, encode_multipart=False)
        if status != 200:
            raise RunnerError(f"{self.base_url} answers {status} to {username}'s login: {_explain(answer)}")
        self._token = answer["access_token"]
        self._renew_at = time.monotonic() + answer["expires_in"] / 2

    def _send(self, path: str, **request: Any) -> tuple[int, Any]:
        try:
            answer = self._http.request("POST", self.base_url + path, **request)
        except urllib3.exceptions.HTTPError as error:
            reason = str(getattr(error, "reason", error)).rpartition(": ")[2]
            raise RunnerError(f"There is no response from {self.base_url}: {reason}. Is the system up?") from error
        try:
            return answer.status, json.loads(answer.data)
        except ValueError:
            return answer.status, None


def address(text: str) -> str:
    """Parse the address of an API; the result has no slash at its end."""
    if not text.startswith(("http://", "https://")):
        raise ValueError("an address that begins with http:// or https://")
    return text.rstrip("/")


def destination(base_url: str, token: str, file: Path) -> Api:
    """The API at this address, or that of the local system in this file."""
    if base_url:
        return Api(base_url, token)
    local = Stack.read(file)
    return Api(local.base_url, token, None if token else local.user)


def post(rows: Iterable[Row], kind: Kind, api: Api, fingerprint: str, tally: Tally) -> None:
    """Post every row of a file, several requests at a time.

    A request's `Idempotency-Key` derives from the file, the line and the body: a file that is posted again within a
    day writes nothing twice. `tally` has the result so far, also if this raises: RunnerError if the API does not
    respond or does not accept the token.
    """

    def send(requested: Sequence[Row]) -> list[tuple[Row, str]]:
        return list(_post(requested, kind, api, fingerprint))

    with ThreadPoolExecutor(CONCURRENT) as threads:
        requests = chunks(_objects(rows, tally), max_entries=kind.max_rows)
        for several in chunks(requests, max_entries=CONCURRENT):
            api.log_in()
            for requested, rejected in zip(several, threads.map(send, several), strict=True):
                for row, problem in rejected:
                    tally.reject(row, problem)
                tally.accept(len(requested) - len(rejected))


def _objects(rows: Iterable[Row], tally: Tally) -> Iterator[Row]:
    for row in rows:
        if row.problem or not isinstance(row.content, dict):
            tally.reject(row, row.problem or "not a JSON object")
        else:
            yield row


def _post(rows: Sequence[Row], kind: Kind, api: Api, fingerprint: str) -> Iterator[tuple[Row, str]]:
    """Post rows in one request, and yield those that the API rejects. The others are posted again without them."""
    content: Any = [row.content for row in rows] if kind.max_rows > 1 else rows[0].content
    body = json.dumps(content)
    identity = f"{fingerprint}\0{rows[0].line}\0{body}"
    status, answer = api.post(kind.path, body, hashlib.sha256(identity.encode()).hexdigest())
    if status == 400:
        rejected = _rejected(rows, answer)
        yield from ((rows[index], problem) for index, problem in rejected.items())
        left = [row for index, row in enumerate(rows) if index not in rejected]
        if left:
            yield from _post(left, kind, api, fingerprint)
    elif status >= 300:
        raise RunnerError(f"{api.base_url}{kind.path} answers {status}: {_explain(answer)}")


def _rejected(rows: Sequence[Row], answer: Any) -> dict[int, str]:
    """The indexes of the rows that a 400 names, with the reasons; all of them, if it names none."""
    problems: dict[int, list[str]] = {}
    if len(rows) > 1:
        for index, problem in map(_split, _details(answer)):
            if index.isdecimal() and int(index) < len(rows):
                problems.setdefault(int(index), []).append(problem)
    if not problems:
        return dict.fromkeys(range(len(rows)), _explain(answer))
    return {index: "; ".join(each) for index, each in problems.items()}


def _split(problem: Mapping[str, str]) -> tuple[str, str]:
    """`{"field": "3.event_type"}` is about the field event_type of the fourth row."""
    index, _, field = problem["field"].partition(".")
    return index, f"{field or 'record'}: {problem['message']}"


def _details(answer: Any) -> list[Mapping[str, str]]:
    detail = answer.get("detail") if isinstance(answer, dict) else None
    return detail if isinstance(detail, list) else []


def _explain(answer: Any) -> str:
    """What an error response says."""
    if details := _details(answer):
        return "; ".join(f"{each['field']}: {each['message']}" for each in details)
    if isinstance(answer, dict):
        return str(answer.get("detail") or answer.get("error") or answer.get("message") or "no reason given")
    return "this is no Sitewatch"
