"""The built layers are small, and have everything that functions need in addition to the runtime."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from layers.dependencies import defer
from runner.local import build
from runner.local.environment import sam as sam_environment
from runner.stack import Stack
from runner.workspace import Workspace
from tests.integration.target import engine
from tests.world.deployed import production_parameters
from tests.world.environment import environment
from tests.world.template import ROOT, resources

_MAX_BYTES = 35_000_000
_LAYERS = ("DependenciesLayer", "SitewatchLayer")
_ELF_MACHINE = slice(18, 20)
_AARCH64 = (183).to_bytes(2, "little")
"""Of the ELF header: what a library runs on."""
_NEEDLESS = frozenset({"asyncio", "cryptography.x509.base", "aws_lambda_powertools.event_handler.appsync", "boto3"})
"""Modules that no function uses, or not before its first request."""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the layers and functions that SAM built."""
    workspace = Workspace(tmp_path_factory.mktemp("build"))
    workspace.prepare()
    return build.build(workspace, build.source_fingerprint()).parent


def test_the_layers_are_small_enough_to_unpack_at_every_cold_start(built: Path) -> None:
    size = sum(file.stat().st_size for layer in _LAYERS for file in (built / layer).rglob("*") if file.is_file())
    assert size < _MAX_BYTES


def test_workers_of_the_emulator_share_one_copy_of_each_layer(stack: Stack) -> None:
    if engine() != "emulator":
        pytest.skip("only the emulator unpacks layers for every worker")
    function = stack.resource("CheckFunction", "AWS::Lambda::Function")
    deployed = stack.client("lambda").get_function_configuration(FunctionName=function)["Layers"]
    assert len(deployed) == len(_LAYERS)
    assert all(layer["CodeSize"] < 2000 for layer in deployed), deployed


def test_every_function_imports_with_the_layers_alone(built: Path) -> None:
    path = [str(built / "CheckFunction"), *(str(built / layer / "python") for layer in _LAYERS)]
    handlers = sorted(
        function["Handler"].rpartition(".")[0] for function in resources("AWS::Serverless::Function").values()
    )
    # One interpreter without site-packages, forked for each function: libraries are imported once, and our own
    # modules by each function again, so that none depends on another's imports.
    script = "\n".join(
        [
            "import os, sys, importlib",
            f"own = {(path[0], str(built / 'SitewatchLayer'))!r}",
            f"for name in {handlers!r}:",
            "    importlib.import_module(name)",
            f"assert not {set(_NEEDLESS)!r} & set(sys.modules)",
            "for name, module in list(sys.modules.items()):",
            "    if (getattr(module, '__file__', None) or '').startswith(own):",
            "        del sys.modules[name]",
            f"for name in {handlers!r}:",
            "    child = os.fork()",
            "    if child == 0:",
            "        importlib.import_module(name)",
            "        foreign = [m.__file__ for m in list(sys.modules.values())",
            "                   if 'site-packages' in (getattr(m, '__file__', None) or '')]",
            "        assert not foreign, foreign",
            "        os._exit(0)",
            "    assert os.waitpid(child, 0)[1] == 0, name",
        ]
    )
    _run(script, path, environment() | {"TOKEN_PUBLIC_KEYS": '{"keys": []}'})


def _run(script: str, path: Sequence[str], variables: Mapping[str, str]) -> None:
    """Run a script that can import from ``path`` and the standard library only."""
    command = [sys.executable, "-P", "-s", "-S", "-c", script]
    settings = {**variables, "PYTHONPATH": os.pathsep.join(path)}
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=settings)
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize("package", defer.PACKAGES)
def test_every_public_name_of_a_deferred_package_can_be_imported(built: Path, package: str) -> None:
    site = str(built / "DependenciesLayer" / "python")
    _run(f"from {package} import *; assert len(dir()) > 20", [site], {})


def test_the_layer_for_production_holds_libraries_of_its_runtime_and_processor(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "workspace")
    workspace.prepare()
    folder = tmp_path / "layer"
    shutil.copytree(ROOT / "layers" / "dependencies", folder)
    parameters = production_parameters()
    ran = subprocess.run(
        ["make", "build-DependenciesLayer"],
        cwd=folder,
        env=sam_environment(
            workspace,
            extra={
                "ARTIFACTS_DIR": str(tmp_path / "built"),
                "RUNTIME": parameters["Runtime"],
                "ARCHITECTURE": parameters["Architecture"],
                "PYTHON": sys.executable,
            },
        ),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    libraries = list((tmp_path / "built").rglob("*.so"))
    assert len(libraries) >= 3
    for library in libraries:
        assert library.read_bytes()[_ELF_MACHINE] == _AARCH64, library.name
        assert re.search(r"\.(cpython-313-aarch64-linux-gnu|abi3)\.so$", library.name), library.name
    assert os.access(tmp_path / "built" / "python" / "botocore", os.R_OK)
