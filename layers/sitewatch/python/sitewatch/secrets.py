"""Read secrets from Secrets Manager."""

import time

from sitewatch import aws

# How soon a changed secret is used everywhere.
_CACHE_SECONDS = 60.0

_cache: dict[str, tuple[float, str]] = {}


def fetch(secret_id: str, *, version_id: str | None = None) -> str:
    """The value of a secret, by default of its current version: one call."""
    version = {} if version_id is None else {"VersionId": version_id}
    value: str = aws.client("secretsmanager").get_secret_value(SecretId=secret_id, **version)["SecretString"]
    return value


def cached(secret_id: str) -> str:
    """The current value of a secret, fetched at most once a minute in each function instance."""
    fetched_at, value = _cache.get(secret_id, (float("-inf"), ""))
    if time.monotonic() - fetched_at > _CACHE_SECONDS:
        value = fetch(secret_id)
        _cache[secret_id] = time.monotonic(), value
    return value


def forget(secret_id: str) -> None:
    """Fetch the secret again the next time."""
    _cache.pop(secret_id, None)
