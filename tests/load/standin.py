"""DynamoDB and SNS on a port of this machine, for benchmarks: the same answers for every function, from memory.

Queries follow the rules of ``bench_growth.Database``. Writes are accepted and forgotten.
"""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from tests.load.bench_growth import Database
from tests.load.capacity import Item

Find = Callable[[str, str | None, str], Sequence[Item]]
_SNS = '<{0}Response xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><{0}Result/></{0}Response>'


@contextmanager
def answering(find: Find) -> Iterator[str]:
    """Answer for the partitions of ``find`` on a free port while it runs; gives its URL."""
    with _Server(find) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class _Server(ThreadingHTTPServer):
    def __init__(self, find: Find) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self._database = Database(find)
        self.answer = cache(self._answer)  # so that it takes the same time for all

    def _answer(self, operation: str, body: bytes) -> bytes:
        if not operation:
            return _SNS.format(parse_qs(body.decode())["Action"][0]).encode()
        asked = json.loads(body)
        answer: dict[str, Any] = {}
        match operation:
            case "Query":
                answer = self._database.query(asked)
            case "BatchGetItem":
                answer = self._database.batch_get(asked)
            case "TransactGetItems":
                answer = {"Responses": [{} for _ in asked["TransactItems"]]}
        return json.dumps(answer).encode()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 20  # a response is one packet

    def do_POST(self) -> None:
        assert isinstance(self.server, _Server)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        answer = self.server.answer(self.headers.get("X-Amz-Target", "").rpartition(".")[2], body)
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        pass
