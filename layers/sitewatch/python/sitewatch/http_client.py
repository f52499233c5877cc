"""An HTTP client that is safe to use with untrusted servers.

A request ends within its timeout, even if the server is silent or sends one byte at a time. Responses have a maximum
size. Addresses of instance metadata services are refused, and in production all that are not public. The host is
resolved once for each call, and the client connects to the very address that it checked.
"""

import contextlib
import ipaddress
import socket
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import NamedTuple
from urllib.parse import SplitResult, urljoin, urlsplit

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

from sitewatch import settings

_MAX_URL_LENGTH = 2048
_CHUNK_BYTES = 16 * 1024
_REDIRECTS = frozenset({301, 302, 303, 307, 308})

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Link-local addresses, which instance, container and function metadata use, and AWS's metadata address in IPv6; then
# addresses that mean no host or any gateway, and NAT64 prefixes that each network chooses for itself.
_FORBIDDEN = tuple(
    ipaddress.ip_network(network)
    for network in (
        *("169.254.0.0/16", "fe80::/10", "fd00:ec2::/32"),
        *("0.0.0.0/8", "::/128", "fec0::/10", "64:ff9b:1::/48"),
    )
)
# IPv6 addresses that end in an IPv4 address: NAT64 (RFC 6052) and IPv4-compatible ones (RFC 4291).
_ENDING_IN_IPV4 = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("::/96"))
_LOOPBACK = ipaddress.IPv6Address("::1")


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
    """Redirects to follow, only to the same scheme, host and port."""


def send(request: Request) -> Response:
    """Send ``request`` and return the complete response.

    Raises
    ------
    RequestFailed
        If the host is unknown or forbidden, or does not respond within the timeout; if the response is not HTTP or
        too large; if there are too many redirects, or one to another scheme, host or port.

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
        parts = _split(self.request.url)
        origin = _origin(parts)
        address = address_of(origin.host, origin.port)
        for _ in range(self.request.max_redirects + 1):
            response = self._send(parts, origin, address)
            if response.status not in _REDIRECTS or not self.request.max_redirects:
                return response
            parts = _split(urljoin(parts.geturl(), response.headers.get("location", "")))
            if _origin(parts) != origin:
                raise RequestFailed("a redirect to another scheme, host or port")
        raise RequestFailed("too many redirects")

    def _send(self, parts: SplitResult, origin: "_Origin", address: str) -> Response:
        connection = _connection(origin, address, self.request.timeout_seconds)
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


class _Origin(NamedTuple):
    """What a redirect must not change."""

    scheme: str
    host: str
    port: int


def _split(url: str) -> SplitResult:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or len(url) > _MAX_URL_LENGTH:
        raise RequestFailed("not an HTTP URL")
    return parts


def _origin(parts: SplitResult) -> _Origin:
    default_port = 443 if parts.scheme == "https" else 80
    return _Origin(parts.scheme, parts.hostname or "", parts.port or default_port)


def _connection(origin: _Origin, address: str, timeout: float) -> HTTPConnection:
    """A connection to ``address``; with HTTPS, its certificate must be valid for the origin's host."""
    if origin.scheme == "https":
        return HTTPSConnection(
            address, origin.port, timeout=timeout, server_hostname=origin.host, assert_hostname=origin.host
        )
    return HTTPConnection(address, origin.port, timeout=timeout)


def address_of(host: str, port: int) -> str:
    """The address to connect to for ``host``.

    Raises
    ------
    RequestFailed
        If it has no address, or any of its addresses is forbidden by the setting ``OUTBOUND_ADDRESSES``.

    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise RequestFailed("an unknown host") from None
    addresses = [str(entry[4][0]) for entry in found]
    if not addresses:
        raise RequestFailed("an unknown host")
    only_public = settings.text("OUTBOUND_ADDRESSES") == "public"
    if any(is_forbidden(address, only_public=only_public) for address in addresses):
        raise RequestFailed("a forbidden address")
    return addresses[0]


def is_forbidden(address: str, *, only_public: bool) -> bool:
    """Whether ``address`` must not be called.

    Always if it is link-local or belongs to a metadata service; with ``only_public`` also if it is private, loopback,
    multicast or reserved. An IPv6 address that contains IPv4 addresses is forbidden if one of those is.
    """
    parsed = ipaddress.ip_address(address.partition("%")[0])
    contained: list[_Address] = list(_ipv4_in(parsed))
    return any(one in network for one in (parsed, *contained) for network in _FORBIDDEN) or (
        only_public and not all(one.is_global and not one.is_multicast for one in contained or [parsed])
    )


def _ipv4_in(address: _Address) -> Iterator[ipaddress.IPv4Address]:
    """The IPv4 addresses that an IPv6 address contains: mapped, NAT64, 6to4, or of a Teredo server and client."""
    if isinstance(address, ipaddress.IPv4Address) or address == _LOOPBACK:
        return
    for inner in (address.ipv4_mapped, address.sixtofour, *(address.teredo or ())):
        if inner is not None:
            yield inner
    if any(address in network for network in _ENDING_IN_IPV4):
        yield ipaddress.IPv4Address(address.packed[-4:])
