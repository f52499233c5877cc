"""What an engine is, for the record of a run."""

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version

import httpx


def about(engine: str) -> dict[str, str]:
    """The engine, its versions and the day, of a run that has just ended."""
    return {
        "engine": engine,
        "date": datetime.now(UTC).date().isoformat(),
        "versions": ", ".join(_versions(engine)),
    }


def _versions(engine: str) -> list[str]:
    if engine == "emulator":
        return [f"MiniStack {version('ministack')}", f"Python {platform.python_version()}"]
    if engine == "sam-local":
        return [f"SAM CLI {version('aws-sam-cli')}", f"MiniStack {version('ministack')}"]
    if engine == "localstack" and "ENDPOINT" in os.environ:
        health = httpx.get(f"{os.environ['ENDPOINT'].rstrip('/')}/_localstack/health", timeout=10, trust_env=False)
        return [f"LocalStack {health.json()['version']}"]
    return []
