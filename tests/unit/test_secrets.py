"""Secrets: cached for a minute, fetched again on request."""

import pytest

from sitewatch import secrets
from tests.world.aws import client


@pytest.fixture
def monotonic(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The cache's clock, which only the test moves."""
    now = [1000.0]
    monkeypatch.setattr("sitewatch.caching.time.monotonic", lambda: now[0])
    return now


@pytest.fixture
def secret() -> str:
    return str(client("secretsmanager").create_secret(Name="shared", SecretString="old")["ARN"])


def change(secret: str) -> None:
    client("secretsmanager").put_secret_value(SecretId=secret, SecretString="new")


def test_a_changed_secret_is_used_after_a_minute(secret: str, monotonic: list[float]) -> None:
    assert secrets.cached(secret) == "old"
    change(secret)
    monotonic[0] += 59
    assert secrets.cached(secret) == "old"
    monotonic[0] += 2
    assert secrets.cached(secret) == "new"


def test_a_forgotten_secret_is_fetched_again(secret: str, monotonic: list[float]) -> None:
    assert secrets.cached(secret) == "old"
    change(secret)
    secrets.forget(secret)
    assert secrets.cached(secret) == "new"


def test_secrets_are_cached_separately(secret: str) -> None:
    other = client("secretsmanager").create_secret(Name="other", SecretString="different")["ARN"]
    assert (secrets.cached(secret), secrets.cached(other)) == ("old", "different")
