"""A clone works in a folder whose path has spaces, parentheses and an apostrophe."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from runner.workspace import PROJECT_ROOT

ODD = "my (first) clone's"
LAYERS = {"dependencies": "DependenciesLayer", "sitewatch": "SitewatchLayer"}


@pytest.fixture(autouse=True)
def world() -> None:
    """No table is needed here."""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What git has of the project, with this project's virtual environment."""
    clone = tmp_path / ODD
    listed = subprocess.run(
        ["git", "ls-files", "Makefile", "template.yaml", "monitoring.yaml", "runner", "requirements", "layers"],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    for name in listed.stdout.splitlines():
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(PROJECT_ROOT / name, clone / name)
    (clone / ".venv").symlink_to(PROJECT_ROOT / ".venv")
    return clone


def _run(command: Sequence[str], folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "PYTHON"))}
    return subprocess.run(
        command, cwd=folder, env={**kept, **variables}, capture_output=True, text=True, check=False, timeout=60
    )


def _python(folder: Path) -> str:
    """This interpreter, at an odd path: there it is what `.venv/bin/python` is in an odd clone."""
    python = folder / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    return str(python)


def test_make_calls_the_commands(clone: Path) -> None:
    ran = _run(["make", "status", f"PYTHON={_python(clone / 'own')}"], clone)

    assert "Sitewatch is not running." in ran.stdout, ran.stderr

    ran = _run(["make", "help"], clone)

    assert (ran.returncode, ran.stderr) == (0, "")
    assert "make run" in ran.stdout


def test_a_layer_is_built(clone: Path) -> None:
    built = clone / ".local" / "builds" / "SitewatchLayer"
    settings = {"ARTIFACTS_DIR": str(built), "RUNTIME": "host", "PYTHON": _python(clone / "own")}

    ran = _run(["make", "build-SitewatchLayer"], clone / "layers" / "sitewatch", **settings)

    assert ran.returncode == 0, ran.stderr
    assert list(built.glob("python/sitewatch/__pycache__/api.*.pyc"))


@pytest.mark.parametrize("layer", LAYERS)
def test_every_command_of_a_layers_build_calls_the_interpreter_by_its_whole_path(clone: Path, layer: str) -> None:
    python, built = _python(clone / "own"), str(clone / "built")
    settings = {"ARTIFACTS_DIR": built, "RUNTIME": "host", "PYTHON": python}

    ran = _run(["make", "--dry-run", f"build-{LAYERS[layer]}"], clone / "layers" / layer, **settings)

    assert ran.returncode == 0, ran.stderr
    words = shlex.split(ran.stdout)
    assert words.count(python) == ran.stdout.count(python) > 0
    assert all(word.startswith(built) for word in words if built in word)
