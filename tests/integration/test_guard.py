"""The guard before the emulator: web pages and strangers get nothing but the deployed API."""

import json
import os
import stat
from pathlib import Path
from typing import Any

import botocore.session
import httpx
import pytest
from botocore.exceptions import ClientError

from runner.credentials import PROFILE, Credentials
from runner.stack import Stack, aws_client
from runner.workspace import PROJECT_ROOT

PAGE = "https://page.example"
LIST_SECRETS = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "secretsmanager.ListSecrets"}


def signed_as(access_key: str) -> dict[str, str]:
    """Headers of a request of an access key, with a signature that nobody made."""
    scope = f"{access_key}/20260101/us-east-1/secretsmanager/aws4_request"
    signature = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host;x-amz-date, Signature={'0' * 64}"
    return {**LIST_SECRETS, "Authorization": signature, "X-Amz-Date": "20260101T000000Z"}


@pytest.fixture(autouse=True)
def guarded(stack: Stack) -> None:
    """Only our own emulator has a guard."""
    if not stack.credentials_file:
        pytest.skip("no guard before this engine")


@pytest.mark.parametrize("access_key", ["test", "000000000000", "123456789012", "AKIAIOSFODNN7EXAMPLE"])
def test_the_emulators_usual_credentials_are_rejected(stack: Stack, access_key: str) -> None:
    answer = httpx.post(stack.endpoint_url, headers=signed_as(access_key), content="{}")
    assert answer.status_code in (400, 403)
    assert "SecretList" not in answer.text


def test_an_unsigned_call_is_rejected(stack: Stack) -> None:
    for headers in (LIST_SECRETS, {**LIST_SECRETS, "Authorization": "Bearer x"}):
        answer = httpx.post(stack.endpoint_url, headers=headers, content="{}")
        assert (answer.status_code, answer.json()["__type"]) == (403, "AccessDeniedException")


def test_the_access_key_alone_is_not_enough(stack: Stack) -> None:
    guess = Credentials(stack.credentials.access_key, "guessed")
    with pytest.raises(ClientError) as caught:
        aws_client("secretsmanager", stack.endpoint_url, stack.region, guess).list_secrets()
    assert caught.value.response["Error"]["Code"] == "AccessDeniedException"
    assert aws_client("secretsmanager", stack.endpoint_url, stack.region, stack.credentials).list_secrets()


def test_a_presigned_url_is_checked_too(stack: Stack) -> None:
    def url(credentials: Credentials) -> str:
        signer = aws_client("s3", stack.endpoint_url, stack.region, credentials, signature_version="s3v4")
        made: str = signer.generate_presigned_url("list_objects_v2", Params={"Bucket": "sitewatch-artifacts"})
        return made

    assert httpx.get(url(stack.credentials)).status_code == 200
    assert httpx.get(url(Credentials(stack.credentials.access_key, "guessed"))).status_code == 403


@pytest.mark.parametrize("origin", [PAGE, "null", "http://127.0.0.1:1"])
def test_a_web_page_is_rejected_even_with_the_credentials(stack: Stack, origin: str) -> None:
    client = stack.client("secretsmanager")
    client.meta.events.register("before-sign", lambda request, **_: request.headers.add_header("Origin", origin))
    with pytest.raises(ClientError, match="web pages"):
        client.list_secrets()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/_ministack/reset"),
        ("POST", "/_ministack/config"),
        ("GET", "/_ministack/sqs/messages"),
        ("GET", "/_ministack/ses/messages"),
        ("GET", "/_ministack/health"),
        ("GET", "/_ministack/lambda-code/PostToken"),
        ("GET", "/_localstack/health"),
        ("OPTIONS", "/"),
        ("OPTIONS", "/_ministack/reset"),
    ],
)
@pytest.mark.parametrize("host", [None, "0a1b2c3d.execute-api.localhost"])
def test_the_emulators_own_routes_are_closed(stack: Stack, method: str, path: str, host: str | None) -> None:
    answer = httpx.request(method, stack.endpoint_url + path, headers={"Host": host} if host else {})
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers


def test_a_foreign_host_name_is_rejected(stack: Stack) -> None:
    for path in ("/", "/_ministack/ready", httpx.URL(f"{stack.base_url}/check").path):
        answer = httpx.get(stack.endpoint_url + path, headers={"Host": "page.example:4566"})
        assert (answer.status_code, answer.json()["__type"]) == (403, "AccessDeniedException")


def test_the_api_answers_by_path_and_by_host_name(stack: Stack) -> None:
    _, _, api, stage, *_ = httpx.URL(stack.base_url).path.split("/")
    assert httpx.get(f"{stack.base_url}/check", headers={"Origin": PAGE}).json() == {"health": "ok"}
    by_name = httpx.get(f"{stack.endpoint_url}/{stage}/check", headers={"Host": f"{api}.execute-api.localhost"})
    assert by_name.json() == {"health": "ok"}


def test_only_their_owner_can_read_the_credentials(stack: Stack) -> None:
    file = PROJECT_ROOT / stack.credentials_file
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "aws_secret_access_key" in file.read_text(encoding="utf-8")
    assert stack.credentials.secret_key not in json.dumps(repr(stack))


def test_aws_tools_find_the_emulator_by_the_credentials_file_alone(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(PROJECT_ROOT / stack.credentials_file))
    for profile in (None, PROFILE):
        client: Any = botocore.session.Session(profile=profile).create_client("kinesis")
        assert client.meta.endpoint_url == stack.endpoint_url
        assert stack.detections_stream in client.list_streams()["StreamNames"]
