"""CONTRIBUTING.md: its worked example adds an endpoint to a copy of the project, which responds on the emulator."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from runner.local.emulator import free_port
from runner.local.environment import NO_AWS_SETTINGS
from runner.workspace import BUILDS_FOLDER, exclusive
from tests.world.template import ROOT

BLOCKS = re.findall(r"```sh\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A copy of the project that shares its virtual environment."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tmp_path / name)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    _share_built_layers(tmp_path / BUILDS_FOLDER.relative_to(ROOT))
    return tmp_path


def _share_built_layers(builds: Path) -> None:
    """Copy SAM's cache of layers, which are the same and the slowest to build."""
    with exclusive(BUILDS_FOLDER / "lock", 120, "another build takes too long"):
        if not (BUILDS_FOLDER / "build.toml").exists():
            return
        for cache in BUILDS_FOLDER.glob("cache-*"):
            shutil.copytree(cache, builds / cache.name)
        index = (BUILDS_FOLDER / "build.toml").read_text(encoding="utf-8")
        clone = builds.parents[1]
        (builds / "build.toml").write_text(index.replace(f'"{ROOT}/', f'"{clone}/'), encoding="utf-8")


def test_the_worked_example_adds_an_endpoint_that_answers(clone: Path) -> None:
    environment = {
        **NO_AWS_SETTINGS,
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", str(clone)),
        "NO_PROXY": "*",
        "PORT": str(free_port()),
        "SIMULATE": "off",
    }
    try:
        ran = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", "\n".join(BLOCKS)],
            cwd=clone,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    finally:
        subprocess.run(["make", "reset"], cwd=clone, env=environment, capture_output=True, check=False, timeout=60)
    assert ran.returncode == 0, f"{ran.stdout}\n{ran.stderr}"
    assert json.loads(ran.stdout.splitlines()[-1]) == {"detections": 0}
    selected = re.search(r"(\d+) passed", ran.stdout)
    assert selected, ran.stdout
    assert int(selected[1]) >= 10  # its own test and those of every endpoint
