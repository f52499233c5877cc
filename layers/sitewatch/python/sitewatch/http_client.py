"""An HTTP client that is safe to use with untrusted servers.

A request ends within its timeout, even if the server is silent or sends one byte at a time. Responses have a maximum
size. Addresses of instance metadata services are refused, and the client connects to the very address that it checked.
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

_MAX_URL_LENGTH = 2048
_CHUNK_BYTES = 16 * 1024
_REDIRECTS = frozenset({301, 302, 303, 307, 308})

# Link-local addresses, which instance, container and function metadata use, and AWS's metadata address in IPv6.
_FORBIDDEN = tuple(
    ipaddress.ip_network(network) for network in ("169.254.0.0/16", "fe80::/10", "fd00:ec2::/32", "0.0.0.0/8", "::/128")
)
# IPv4 addresses within IPv6 (NAT64): forbidden in one form means forbidden in the other.
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class RequestFailed(Exception):
    """There is no complete response. The message is for the log and contains nothing that the server sent."""


@dataclass(frozen=True, slots=True)
class Response:
    """A response, with any status."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Request:
    """A request, and the limits for its response."""

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    timeout_seconds: float = 10.0
    """For the whole exchange, from name resolution to the last byte."""
    max_bytes: int = 64 * 1024
    max_redirects: int = 0
    """Redirects to follow, only within the same host."""


def send(request: Request) -> Response:
    """Send ``request`` and return the complete response.

    Raises
    ------
    RequestFailed
        If the host is unknown or forbidden, or does not respond within the timeout; if the response is not HTTP or
        too large; if there are too many redirects or one to another host.

    """
    exchange = _Exchange(request)
    exchange.start()
    exchange.join(request.timeout_seconds)
    if exchange.is_alive():
        exchange.abandon()
        raise RequestFailed(f"no complete response within {request.timeout_seconds:g} s")
    if exchange.failure is not None:
        raise exchange.failure
    if exchange.response is None:
        raise RequestFailed("the request ended without a response")
    return exchange.response


class _Exchange(threading.Thread):
    """A request in its own thread, which is the only way to abort name resolution or an endless header."""

    def __init__(self, request: Request) -> None:
        super().__init__(daemon=True)
        self.request = request
        self.response: Response | None = None
        self.failure: RequestFailed | None = None
        self._socket: socket.socket | None = None
        self._abandoned = False

    def run(self) -> None:
        try:
            self.response = self._follow()
        except RequestFailed as failure:
            self.failure = failure
        except (urllib3.exceptions.HTTPError, HTTPException, OSError, ValueError) as error:
            # http.client raises ValueError for some responses that are not HTTP.
            self.failure = RequestFailed(f"{type(error).__name__} during the request")

    def abandon(self) -> None:
        """End the thread soon, by shutting down the socket that it reads from."""
        self._abandoned = True
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def _follow(self) -> Response:
        url = self.request.url
        for _ in range(self.request.max_redirects + 1):
            response = self._send(url)
            if response.status not in _REDIRECTS or not self.request.max_redirects:
                return response
            target = urljoin(url, response.headers.get("location", ""))
            if urlsplit(target).hostname != urlsplit(url).hostname:
                raise RequestFailed("a redirect to another host")
            url = target
        raise RequestFailed("too many redirects")

    def _send(self, url: str) -> Response:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or len(url) > _MAX_URL_LENGTH:
            raise RequestFailed("not an HTTP URL")
        port = parts.port or (443 if parts.scheme == "https" else 80)
        connection = _connection(
            parts.scheme, parts.hostname, address_of(parts.hostname, port), port, self.request.timeout_seconds
        )
        try:
            connection.connect()
            self._socket = connection.sock
            if self._abandoned:
                raise RequestFailed("abandoned")
            connection.request(
                self.request.method,
                (parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
                body=self.request.body,
                headers={
                    **self.request.headers,
                    "Host": parts.netloc.rpartition("@")[2],
                    "Accept-Encoding": "identity",
                },
                preload_content=False,
                decode_content=False,
            )
            with contextlib.closing(connection.getresponse()) as response:
                return Response(response.status, response.headers, self._read(response))
        finally:
            connection.close()

    def _read(self, response: urllib3.BaseHTTPResponse) -> bytes:
        body = b""
        while chunk := response.read(_CHUNK_BYTES):
            body += chunk
            if len(body) > self.request.max_bytes:
                raise RequestFailed(f"more than {self.request.max_bytes} bytes")
        return body


def _connection(scheme: str, host: str, address: str, port: int, timeout: float) -> HTTPConnection:
    """A connection to ``address``; with HTTPS, its certificate must be valid for ``host``."""
    if scheme == "https":
        return HTTPSConnection(address, port, timeout=timeout, server_hostname=host, assert_hostname=host)
    return HTTPConnection(address, port, timeout=timeout)


def address_of(host: str, port: int) -> str:
    """The address to connect to for ``host``.

    Raises
    ------
    RequestFailed
        If it has no address, or any of its addresses is forbidden.

    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise RequestFailed("an unknown host") from None
    addresses = [str(entry[4][0]) for entry in found]
    if not addresses:
        raise RequestFailed("an unknown host")
    if any(is_forbidden(address) for address in addresses):
        raise RequestFailed("a forbidden address")
    return addresses[0]


def is_forbidden(address: str) -> bool:
    """Whether an address (or an IPv4 address within it) is link-local or belongs to a metadata service."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address):
        inner = parsed.ipv4_mapped or parsed.sixtofour
        if inner is None and parsed in _NAT64:
            inner = ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF)
        if inner is not None:
            parsed = inner
    return any(parsed.version == network.version and parsed in network for network in _FORBIDDEN)
