"""Call other servers over HTTP, and survive whatever they do.

A call ends within its time: a server that is silent, or sends a byte now and then for ever, cannot
hold it. An answer has a bounded size. Addresses of instance metadata services are never called, and
the address that was checked is the one that is called.
"""

import contextlib
import ipaddress
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from urllib.parse import urljoin, urlsplit

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

_LONGEST_URL = 2048
_CHUNK_BYTES = 16 * 1024
_REDIRECTS = frozenset({301, 302, 303, 307, 308})

# Link-local, where instance, container and function metadata is, and AWS's metadata address in IPv6.
_FORBIDDEN = tuple(
    ipaddress.ip_network(network) for network in ("169.254.0.0/16", "fe80::/10", "fd00:ec2::/32", "0.0.0.0/8", "::/128")
)
# IPv4 in IPv6: what is forbidden as the one is forbidden as the other.
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class CallFailed(Exception):
    """There is no whole answer. The message says why, for the log; it repeats nothing that the server sent."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered, whatever its status."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Call:
    """What to ask, and how much patience and room to have for the answer."""

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    seconds: float = 10.0
    most_bytes: int = 64 * 1024
    most_redirects: int = 0
    """Redirects to follow; only to the same host, and with a GET."""


def answer_to(call: Call) -> Answer:
    """Make ``call`` and give the whole answer.

    Raises
    ------
    CallFailed
        Where the host is unknown or forbidden, does not answer within the time, answers with what
        is not HTTP or is too large, or redirects elsewhere or too often.

    """
    exchange = _Exchange(call)
    exchange.start()
    exchange.join(call.seconds)
    if exchange.is_alive():
        exchange.abandon()
        raise CallFailed(f"no whole answer within {call.seconds:g} s")
    if exchange.failure is not None:
        raise exchange.failure
    if exchange.answer is None:
        raise CallFailed("the call ended without an answer")
    return exchange.answer


class _Exchange(threading.Thread):
    """A call in a thread of its own: only so can name resolution, and an endless header, be given up on."""

    def __init__(self, call: Call) -> None:
        super().__init__(daemon=True)
        self.call = call
        self.answer: Answer | None = None
        self.failure: CallFailed | None = None
        self._socket: socket.socket | None = None
        self._abandoned = False

    def run(self) -> None:
        try:
            self.answer = self._follow()
        except CallFailed as failure:
            self.failure = failure
        except (urllib3.exceptions.HTTPError, HTTPException, OSError, ValueError) as error:
            # ValueError: what http.client says of some answers that are not HTTP.
            self.failure = CallFailed(f"{type(error).__name__} on the way")

    def abandon(self) -> None:
        """Have the thread end soon: whatever it reads is shut under it."""
        self._abandoned = True
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def _follow(self) -> Answer:
        url = self.call.url
        for _ in range(self.call.most_redirects + 1):
            answer = self._ask(url)
            if answer.status not in _REDIRECTS or not self.call.most_redirects:
                return answer
            target = urljoin(url, answer.headers.get("location", ""))
            if urlsplit(target).hostname != urlsplit(url).hostname:
                raise CallFailed("a redirect to another host")
            url = target
        raise CallFailed("too many redirects")

    def _ask(self, url: str) -> Answer:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or len(url) > _LONGEST_URL:
            raise CallFailed("not the URL of a web server")
        port = parts.port or (443 if parts.scheme == "https" else 80)
        connection = _connection(
            parts.scheme, parts.hostname, address_of(parts.hostname, port), port, self.call.seconds
        )
        try:
            connection.connect()
            self._socket = connection.sock
            if self._abandoned:
                raise CallFailed("abandoned")
            connection.request(
                self.call.method,
                (parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
                body=self.call.body,
                headers={**self.call.headers, "Host": parts.netloc.rpartition("@")[2], "Accept-Encoding": "identity"},
                preload_content=False,
                decode_content=False,
            )
            with contextlib.closing(connection.getresponse()) as response:
                return Answer(response.status, response.headers, self._read(response))
        finally:
            connection.close()

    def _read(self, response: urllib3.BaseHTTPResponse) -> bytes:
        body = b""
        while chunk := response.read(_CHUNK_BYTES):
            body += chunk
            if len(body) > self.call.most_bytes:
                raise CallFailed(f"more than {self.call.most_bytes} bytes")
        return body


def _connection(scheme: str, host: str, address: str, port: int, seconds: float) -> HTTPConnection:
    """A connection to ``address`` as the server of ``host``; where it is HTTPS, the certificate has to say so."""
    if scheme == "https":
        return HTTPSConnection(address, port, timeout=seconds, server_hostname=host, assert_hostname=host)
    return HTTPConnection(address, port, timeout=seconds)


def address_of(host: str, port: int) -> str:
    """The address to reach ``host`` at.

    Raises
    ------
    CallFailed
        Where it has none, or any of its addresses is one of a metadata service.

    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise CallFailed("an unknown host") from None
    addresses = [str(entry[4][0]) for entry in found]
    if not addresses:
        raise CallFailed("an unknown host")
    if any(is_forbidden(address) for address in addresses):
        raise CallFailed("a forbidden address")
    return addresses[0]


def is_forbidden(address: str) -> bool:
    """Whether an address is link-local or of a metadata service, also as an IPv4 address within an IPv6 one."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address):
        inner = parsed.ipv4_mapped or parsed.sixtofour
        if inner is None and parsed in _NAT64:
            inner = ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF)
        if inner is not None:
            parsed = inner
    return any(parsed.version == network.version and parsed in network for network in _FORBIDDEN)
