"""Read secrets from Secrets Manager."""

from sitewatch import aws
from sitewatch.caching import ExpiringCache

# How soon a changed secret is used everywhere.
_CACHE_SECONDS = 60.0

_cache = ExpiringCache[str](_CACHE_SECONDS)


def fetch(secret_id: str, *, version_id: str | None = None) -> str:
    """The value of a secret, by default of its current version: one call."""
    version = {} if version_id is None else {"VersionId": version_id}
    value: str = aws.client("secretsmanager").get_secret_value(SecretId=secret_id, **version)["SecretString"]
    return value


def cached(secret_id: str) -> str:
    """The current value of a secret, fetched at most once a minute in each function instance."""
    return _cache.get(secret_id, lambda: fetch(secret_id))


def forget(secret_id: str) -> None:
    """Fetch the secret again the next time."""
    _cache.forget(secret_id)
