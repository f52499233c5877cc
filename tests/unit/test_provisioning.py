"""Custom resources of the deployment: the public signing key and the first admin."""

import json
from typing import Any

import pytest

from accounts import on_deploy_signing_key, on_deploy_user
from accounts.model import UserRecord
from sitewatch import custom_resource, keys, settings
from sitewatch.callers import Role
from tests.world.aws import client
from tests.world.instance import Log
from tests.world.people import log_in, sign_up, stored

pytestmark = pytest.mark.usefixtures("cheap_hashing")


@pytest.fixture
def responses(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The responses that CloudFormation receives."""
    answers: list[dict[str, Any]] = []

    class Pool:
        @staticmethod
        def request(method: str, url: str, *, body: bytes, headers: object) -> None:
            answers.append(json.loads(body))

    monkeypatch.setattr(custom_resource, "_http", Pool)
    return answers


def _request(kind: str = "Create", **properties: str) -> dict[str, Any]:
    return {
        "RequestType": kind,
        "ResponseURL": "https://cloudformation.example.com/answer",
        "StackId": "stack",
        "RequestId": "request",
        "LogicalResourceId": "FirstAdmin",
        "ResourceProperties": {"ServiceToken": "function", **properties},
    }


def _provision(**properties: str) -> None:
    on_deploy_user.handler(_request(**{"Username": "admin", "Role": "admin", **properties}), None)


def test_only_the_public_key_is_published(responses: list[dict[str, Any]]) -> None:
    on_deploy_signing_key.handler(_request(Secret="TokenSecret"), None)

    (answer,) = responses
    assert answer["Status"] == "SUCCESS"
    published = json.loads(answer["Data"]["PublicKeys"])
    assert published == json.loads(settings.text("TOKEN_PUBLIC_KEYS"))
    secret = client("secretsmanager").get_secret_value(SecretId="TokenSecret")["SecretString"]
    assert secret not in json.dumps(answer)
    assert set(published["keys"][0]) == {"kty", "crv", "x", "kid", "use", "alg"}


def test_an_unreadable_secret_fails_the_deployment_at_once(
    responses: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN_SECRET", "NoSuchSecret")
    keys.current_signing_key.cache_clear()
    on_deploy_signing_key.handler(_request(), None)
    assert responses[0]["Status"] == "FAILED"


def test_the_first_admin_is_created_and_can_log_in(responses: list[dict[str, Any]]) -> None:
    _provision(Password="a password of their own")

    assert responses[0]["Status"] == "SUCCESS"
    assert responses[0]["PhysicalResourceId"] == stored("admin").id
    assert stored("admin").role == Role.ADMIN.value
    assert log_in("admin", "a password of their own")


def test_without_a_password_the_generated_one_is_used(responses: list[dict[str, Any]]) -> None:
    client("secretsmanager").create_secret(Name="AdminPasswordSecret", SecretString="generated")
    _provision(Password="", PasswordSecret="AdminPasswordSecret")
    assert responses[0]["Status"] == "SUCCESS"
    assert log_in("admin", "generated")


@pytest.mark.parametrize("kind", ["Create", "Update"])
def test_an_existing_user_does_not_change(responses: list[dict[str, Any]], kind: str) -> None:
    user = sign_up("Admin", "as it was")
    on_deploy_user.handler(_request(kind, Username="admin", Role="admin", Password="another"), None)

    assert (responses[0]["Status"], responses[0]["PhysicalResourceId"]) == ("SUCCESS", user["id"])
    assert log_in("admin", "as it was")
    assert stored("admin").role == Role.USER.value


@pytest.mark.parametrize(
    "properties",
    [{"Password": "abc"}, {"Password": "hunter2-" * 20}, {"Username": "a b", "Password": "hunter2"}],
)
def test_bad_properties_fail_the_deployment_and_are_not_logged(
    responses: list[dict[str, Any]], log: Log, properties: dict[str, str]
) -> None:
    _provision(**properties)

    assert responses[0]["Status"] == "FAILED"
    assert UserRecord.count() == 0
    for text in (log.text, json.dumps(responses)):
        assert properties["Password"] not in text


def test_a_missing_secret_fails_the_deployment(responses: list[dict[str, Any]]) -> None:
    _provision(Password="", PasswordSecret="NoSuchSecret")
    assert responses[0]["Status"] == "FAILED"


def test_deleting_the_resource_keeps_the_user(responses: list[dict[str, Any]]) -> None:
    sign_up("admin", "as it was")
    event = {**_request("Delete", Username="admin", Role="admin"), "PhysicalResourceId": "x"}
    on_deploy_user.handler(event, None)
    assert responses[0]["Status"] == "SUCCESS"
    assert log_in("admin", "as it was")
