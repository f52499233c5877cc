"""A real server on loopback that behaves as a test demands, well or badly."""

import contextlib
import os
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from unittest import mock

from pytest_socket import enable_socket, socket_allow_hosts

Behaviour = Callable[[socket.socket], None]
"""Handles a connection after its request is read."""


@dataclass
class Server:
    """The server's address, and the requests that it has received."""

    url: str
    requests: list[bytes] = field(default_factory=list)


def allow_loopback() -> None:
    """Let the current test open sockets to this machine."""
    enable_socket()
    socket_allow_hosts(["127.0.0.1"], allow_unix_socket=True)


@contextlib.contextmanager
def serving(*behaviours: Behaviour) -> Iterator[Server]:
    """Run a server whose first connection gets the first behavior, and so on; the last behavior repeats.

    Meanwhile functions may call loopback addresses, as in a local system.
    """
    allow_loopback()
    ended = threading.Event()
    any_address = mock.patch.dict(os.environ, OUTBOUND_ADDRESSES="any")
    with any_address, socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.05)
        server = Server(f"http://127.0.0.1:{listener.getsockname()[1]}")

        def serve() -> None:
            while not ended.is_set():
                with contextlib.suppress(OSError):
                    connection, _ = listener.accept()
                    with connection:
                        connection.settimeout(5)
                        server.requests.append(_request(connection))
                        behaviours[min(len(server.requests), len(behaviours)) - 1](connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            ended.set()
            thread.join(10)


def _request(connection: socket.socket) -> bytes:
    """Read a whole request: its head, and a body of the head's Content-Length."""
    request = b""
    while b"\r\n\r\n" not in request:
        part = connection.recv(65536)
        if not part:
            return request
        request += part
    head, _, body = request.partition(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    while lengths and len(body) < int(lengths[0]):
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def answering(body: bytes, status: str = "200 OK", **headers: str) -> Behaviour:
    """Respond as a server should."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return lambda connection: connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)


def saying(text: bytes) -> Behaviour:
    """Send ``text`` and close."""
    return lambda connection: connection.sendall(text)


def silent(connection: socket.socket) -> None:
    """Never respond, until the client closes the connection."""
    with contextlib.suppress(OSError):
        connection.recv(1)


def resetting(connection: socket.socket) -> None:
    """Reset the connection."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def dripping(first: bytes) -> Behaviour:
    """Send ``first``, and then single bytes at intervals while the client stays connected."""

    def drip(connection: socket.socket) -> None:
        connection.sendall(first)
        with contextlib.suppress(OSError):
            for _ in range(200):
                connection.sendall(b"x")
                threading.Event().wait(0.05)

    return drip


def endless(connection: socket.socket) -> None:
    """Send a body that never ends, as fast as the client reads it."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
    with contextlib.suppress(OSError):
        while True:
            connection.sendall(b"[" * 65536)


MISBEHAVIOURS: dict[str, Behaviour] = {
    "hangs": silent,
    "resets": resetting,
    "closes": lambda connection: None,
    "garbage": saying(b"\x00\xff\xfe nothing\r\n\r\n"),
    "half a body": saying(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"time"'),
    "a bad chunk": saying(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n"),
    "endless body": endless,
    "endless drip": dripping(b"HTTP/1.1 200 OK\r\n\r\n"),
    "endless head": dripping(b"HTTP/1.1 200 OK\r\nX: "),
    "endless chunk": dripping(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFF\r\n"),
    "negative length": saying(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"),
    "huge header": saying(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\n\r\n"),
}
"""Servers that send no valid response."""

NO_ANSWERS = sorted(MISBEHAVIOURS.keys() - {"negative length"})
"""Servers whose response does not even count as an empty one."""
