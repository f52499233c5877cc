"""An engine's versions, for the record of a run."""

import os
import platform
import re
from datetime import UTC, datetime
from importlib.metadata import version

import httpx

from tests.world.template import ROOT


def about(engine: str) -> dict[str, str]:
    """The engine, its versions and the date of a run that has just ended."""
    return {
        "engine": engine,
        "date": datetime.now(UTC).date().isoformat(),
        "versions": ", ".join(_versions(engine)),
    }


def _versions(engine: str) -> list[str]:
    if engine == "emulator":
        return [_ministack(), f"Python {platform.python_version()}"]
    if engine == "sam-local":
        return [f"SAM CLI {version('aws-sam-cli')}", _ministack()]
    if engine == "localstack" and "ENDPOINT" in os.environ:
        health = httpx.get(f"{os.environ['ENDPOINT'].rstrip('/')}/_localstack/health", timeout=10, trust_env=False)
        return [f"LocalStack {health.json()['version']}"]
    return []


def _ministack() -> str:
    """The emulator's version; it has its own virtual environment."""
    lock = (ROOT / "requirements" / "emulator.txt").read_text(encoding="utf-8")
    (version_locked,) = re.findall(r"^ministack==(\S+)", lock, re.MULTILINE)
    return f"MiniStack {version_locked}"
