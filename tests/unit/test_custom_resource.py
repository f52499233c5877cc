"""Custom resources: CloudFormation always receives a response."""

import json
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from pytest_socket import disable_socket, enable_socket

from sitewatch.custom_resource import Outcome, respond

Received = list[tuple[str, Mapping[str, str], dict[str, Any]]]


@pytest.fixture(autouse=True)
def world() -> None:
    """These tests need no tables."""


@pytest.fixture
def no_network() -> None:
    """Override the network ban: these tests run a server of their own."""


class CloudFormation:
    """Receives responses over local HTTP."""

    def __init__(self) -> None:
        self.received: Received = []
        received = self.received

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                received.append((self.command, dict(self.headers), json.loads(body)))
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def request(self, kind: str, **more: object) -> dict[str, Any]:
        """Return a request of type ``kind`` whose response URL is this server."""
        return {
            "RequestType": kind,
            "ResponseURL": f"http://127.0.0.1:{self._server.server_port}/answer?signature=abc",
            "StackId": "the stack",
            "RequestId": "the request",
            "LogicalResourceId": "SigningKey",
            "ResourceType": "Custom::SigningKey",
            "ResourceProperties": {"ServiceToken": "the function", "Secret": "the secret"},
            **more,
        }

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def cloudformation() -> Iterator[CloudFormation]:
    enable_socket()
    service = CloudFormation()
    yield service
    service.close()
    disable_socket(allow_unix_socket=True)


def test_success_is_reported_with_the_id_and_attributes(cloudformation: CloudFormation) -> None:
    seen: list[Mapping[str, Any]] = []

    def provide(properties: Mapping[str, Any]) -> Outcome:
        seen.append(properties)
        return Outcome("the id", {"PublicKeys": "{}"})

    respond(cloudformation.request("Create"), provide)

    ((method, headers, response),) = cloudformation.received
    assert method == "PUT"
    # The URL is signed for an empty content type.
    assert headers["Content-Type"] == ""
    assert response == {
        "Status": "SUCCESS",
        "Reason": "",
        "PhysicalResourceId": "the id",
        "StackId": "the stack",
        "RequestId": "the request",
        "LogicalResourceId": "SigningKey",
        "Data": {"PublicKeys": "{}"},
    }
    assert seen[0]["Secret"] == "the secret"


@pytest.mark.parametrize(("kind", "known"), [("Create", {}), ("Update", {"PhysicalResourceId": "as before"})])
def test_a_failure_is_reported_without_its_message(
    cloudformation: CloudFormation, capsys: pytest.CaptureFixture[str], kind: str, known: dict[str, str]
) -> None:
    def provide(properties: Mapping[str, Any]) -> Outcome:
        raise LookupError("a secret detail")

    respond(cloudformation.request(kind, **known), provide)

    ((_, _, response),) = cloudformation.received
    assert response["Status"] == "FAILED"
    assert response["Reason"] == "LookupError: see the log of this function"
    # A different id would make CloudFormation delete the existing resource.
    assert response["PhysicalResourceId"] == known.get("PhysicalResourceId", "SigningKey")
    assert response["Data"] == {}


def test_a_missing_property_is_a_failure(cloudformation: CloudFormation) -> None:
    respond(cloudformation.request("Create"), lambda properties: Outcome(properties["NoSuchProperty"]))
    assert cloudformation.received[0][2]["Status"] == "FAILED"


def test_a_deletion_succeeds_without_providing_anything(cloudformation: CloudFormation) -> None:
    def provide(properties: Mapping[str, Any]) -> Outcome:
        pytest.fail("nothing is provided for a deletion")

    respond(cloudformation.request("Delete", PhysicalResourceId="as before"), provide)

    response = cloudformation.received[0][2]
    assert (response["Status"], response["PhysicalResourceId"]) == ("SUCCESS", "as before")
