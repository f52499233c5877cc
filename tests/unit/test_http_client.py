"""The HTTP client: calls end in time, responses are bounded, and metadata services are out of reach."""

import socket
import threading
import time

import pytest

from sitewatch import http_client
from sitewatch.http_client import Request, RequestFailed, send
from tests.world.servers import MISBEHAVIOURS, NO_ANSWERS, allow_loopback, answering, serving


def test_a_response_is_returned_whatever_its_status() -> None:
    with serving(answering(b"busy", "503 Service Unavailable")) as server:
        answer = send(Request(f"{server.url}/a?b=c", method="POST", headers={"X-A": "1"}, body=b"hello"))
    assert (answer.status, answer.body) == (503, b"busy")
    [request] = server.requests
    assert request.startswith(b"POST /a?b=c HTTP/1.1\r\n")
    assert b"X-A: 1" in request
    assert request.endswith(b"hello")


@pytest.mark.parametrize("misbehaviour", NO_ANSWERS)
def test_a_call_to_a_misbehaving_server_fails_in_time_and_its_thread_ends(misbehaviour: str) -> None:
    before = threading.active_count()
    with serving(MISBEHAVIOURS[misbehaviour]) as server:
        began = time.monotonic()
        with pytest.raises(RequestFailed) as failure:
            send(Request(server.url, timeout_seconds=0.5))
        assert time.monotonic() - began < 1.5
        # The server is still sending, so the client has to close the connection. One thread is the server's own.
        deadline = time.monotonic() + 3
        while threading.active_count() > before + 1 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert threading.active_count() <= before + 1
    assert "http" not in str(failure.value).lower() or "on the way" in str(failure.value)
    deadline = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() <= before


def test_a_response_one_byte_over_the_limit_is_rejected() -> None:
    with serving(answering(b"x" * 100), answering(b"x" * 101)) as server:
        assert len(send(Request(server.url, max_bytes=100)).body) == 100
        with pytest.raises(RequestFailed, match="more than 100 bytes"):
            send(Request(server.url, max_bytes=100))


def test_redirects_to_the_same_origin_are_followed_up_to_the_limit() -> None:
    again = answering(b"", "302 Found", Location="/next")
    with serving(again, answering(b"there")) as server:
        assert send(Request(server.url, max_redirects=1)).body == b"there"
        assert server.requests[1].startswith(b"GET /next ")
    with serving(again) as server:
        with pytest.raises(RequestFailed, match="too many redirects"):
            send(Request(server.url, max_redirects=2))
        assert len(server.requests) == 3
        assert send(Request(server.url)).status == 302


@pytest.mark.parametrize(
    "target",
    [
        "http://localhost:{port}/",
        "https://127.0.0.1:{port}/",
        "http://127.0.0.1:1/",
        "http://127.0.0.1/",
        "http://169.254.169.254/latest/meta-data/",
        "file:///etc/passwd",
        "http://[::1",
    ],
)
def test_a_redirect_keeps_scheme_host_and_port(target: str) -> None:
    def redirect(connection: socket.socket) -> None:
        location = target.format(port=connection.getsockname()[1])
        answering(b"", "302 Found", Location=location)(connection)

    with serving(redirect, answering(b"there")) as server:
        with pytest.raises(RequestFailed):
            send(Request(server.url, max_redirects=3))
        assert len(server.requests) == 1


METADATA = [
    "169.254.169.254",
    "169.254.170.2",
    "fe80::1",
    "fe80::1%eth0",
    "fd00:ec2::254",
    "fd00:ec2::23",
    "::ffff:169.254.169.254",
    "::169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
    "2001:0:cb00:7101:0:0:5601:5601",  # Teredo: the client's IPv4 address is inverted
    "2001:0:a9fe:a9fe:0:0:34ff:8efe",
    "0.0.0.0",  # noqa: S104 - must be rejected
    "::",
]
PRIVATE = [
    "127.0.0.1",
    "::1",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "198.18.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "fd00::1",
    "ff02::1",
    "::ffff:10.0.0.1",
    "::ffff:127.0.0.1",
    "::10.0.0.1",
    "64:ff9b::a00:1",
    "64:ff9b::7f00:1",
    "2002:a00:1::1",
    "2001:0:808:808:0:0:f5ff:fffe",
]
"""Addresses that a local system may call, and production may not."""
PUBLIC = ["8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]


@pytest.mark.parametrize("address", METADATA)
def test_metadata_services_are_never_called(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTBOUND_ADDRESSES", "any")
    _resolve_to(monkeypatch, "8.8.8.8", address)
    with pytest.raises(RequestFailed, match="a forbidden address"):
        send(Request("http://innocent.example/"))


@pytest.mark.parametrize("address", [*METADATA, *PRIVATE])
def test_production_calls_public_addresses_only(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTBOUND_ADDRESSES", "public")
    _resolve_to(monkeypatch, "8.8.8.8", address)
    with pytest.raises(RequestFailed, match="a forbidden address"):
        send(Request("http://innocent.example/"))


def _resolve_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80)) for address in addresses]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_allowed_in_every_form(address: str) -> None:
    assert not http_client.is_forbidden(address, only_public=True)


@pytest.mark.parametrize("address", [*PRIVATE, *PUBLIC])
def test_a_local_system_may_call_every_address_but_metadata_services(address: str) -> None:
    assert not http_client.is_forbidden(address, only_public=False)


@pytest.mark.parametrize("spelling", ["http://2852039166/", "http://0xa9fea9fe/", "http://[::ffff:a9fe:a9fe]/"])
def test_other_notations_of_a_metadata_address_are_forbidden(spelling: str) -> None:
    allow_loopback()
    with pytest.raises(RequestFailed, match=r"a forbidden address|an unknown host"):
        send(Request(spelling))


@pytest.mark.parametrize(
    "url", ["ftp://127.0.0.1/", "gopher:x", "", "http:///x", "http://127.0.0.1:99999/", "http://\x00/"]
)
def test_an_invalid_url_is_not_called(url: str) -> None:
    allow_loopback()
    with pytest.raises(RequestFailed):
        send(Request(url))


def test_a_name_is_resolved_once_and_the_checked_address_is_the_one_called(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(answering(b"", "302 Found", Location="/next"), answering(b"there")) as server:
        port = int(server.url.rpartition(":")[2])
        looked_up: list[str] = []

        def once(host: str, *_: object, **__: object) -> list[object]:
            looked_up.append(host)
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

        monkeypatch.setattr(socket, "getaddrinfo", once)
        assert send(Request(f"http://innocent.example:{port}/", max_redirects=1)).body == b"there"
    # Afterwards only the checked address is passed to the connection, also after a redirect.
    assert looked_up == ["innocent.example", "127.0.0.1", "127.0.0.1"]
    assert all(f"Host: innocent.example:{port}".encode() in request for request in server.requests)


def test_a_name_that_resolves_too_slowly_fails_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: release.wait(5) and [])
    with pytest.raises(RequestFailed, match=r"within 0\.1 s"):
        send(Request("http://slow.example/", timeout_seconds=0.1))
    release.set()
