"""AWS on a port of this machine, for benchmarks of functions in other processes.

``answering`` has the same answers for every function, from memory: queries follow the rules of
``bench_growth.Database``, and writes are accepted and forgotten. ``on_moto`` has the template's resources.
"""

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from email.message import Message
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from botocore.awsrequest import AWSPreparedRequest
from botocore.compat import HTTPHeaders
from moto.core.models import botocore_stubber

from tests.load.bench_growth import Database
from tests.load.capacity import Item
from tests.world.aws import REGION, new_world

Find = Callable[[str, str | None, str], Sequence[Item]]
Answer = tuple[int, Mapping[str, str], bytes]
_SNS = '<{0}Response xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><{0}Result/></{0}Response>'
_SERVICE = re.compile(rf"/{REGION}/(\w+)/aws4_request")


@contextmanager
def answering(find: Find) -> Iterator[str]:
    """Answer for the partitions of ``find`` on a free port while it runs; gives its URL."""
    database = Database(find)

    @cache  # so that it takes the same time for all
    def answer_from(operation: str, body: bytes) -> bytes:
        if not operation:
            return _SNS.format(parse_qs(body.decode())["Action"][0]).encode()
        asked = json.loads(body)
        answer: dict[str, Any] = {}
        match operation:
            case "Query":
                answer = database.query(asked)
            case "BatchGetItem":
                answer = database.batch_get(asked)
            case "TransactGetItems":
                answer = {"Responses": [{} for _ in asked["TransactItems"]]}
        return json.dumps(answer).encode()

    def answer(_path: str, headers: Message, body: bytes) -> Answer:
        return 200, {}, answer_from(headers.get("X-Amz-Target", "").rpartition(".")[2], body)

    with _serving(answer) as url:
        yield url


@contextmanager
def on_moto() -> Iterator[str]:
    """Answer with the template's resources, which are this process's too, on a free port; gives its URL."""

    def answer(path: str, headers: Message, body: bytes) -> Answer:
        service = _SERVICE.search(headers["Authorization"])
        assert service, headers["Authorization"]
        url = f"https://{service[1]}.{REGION}.amazonaws.com{path}"
        request = AWSPreparedRequest("POST", url, HTTPHeaders(), body, stream_output=False)
        for name, value in headers.items():
            request.headers[name] = value
        answered = botocore_stubber.process_request(request)
        assert answered, url
        status, found, text = answered
        return status, found, text.encode() if isinstance(text, str) else text

    with new_world(), _serving(answer) as url:
        yield url


@contextmanager
def _serving(answer: Callable[[str, Message, bytes], Answer]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 1 << 20  # a response is one packet

        def do_POST(self) -> None:
            status, headers, body = answer(
                self.path, self.headers, self.rfile.read(int(self.headers["Content-Length"]))
            )
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
