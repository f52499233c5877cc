"""All workers of the emulator import from one copy of each layer."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from runner import template
from runner.local import layers
from runner.workspace import Workspace

_TEMPLATE = """
Resources:
  Libraries: {Type: "AWS::Serverless::LayerVersion", Properties: {ContentUri: Libraries, Description: kept}}
  Check: {Type: "AWS::Serverless::Function", Properties: {CodeUri: Check, Layers: [!Ref Libraries]}}
"""


@pytest.fixture(autouse=True)
def world() -> None:
    """No table is needed here."""


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = Workspace(tmp_path / "my (first) clone's" / "local")
    workspace.prepare()
    return workspace


@pytest.fixture
def built(tmp_path: Path) -> Path:
    (tmp_path / "built" / "Libraries" / "python").mkdir(parents=True)
    (tmp_path / "built" / "Libraries" / "python" / "library.py").write_text("name = 'shared'")
    (tmp_path / "built" / "template.yaml").write_text(_TEMPLATE)
    return tmp_path / "built" / "template.yaml"


def _imported_by_a_worker(layer: Path, shared: Path) -> str:
    """Where a worker that adds the layer as the emulator does imports `library` from."""
    code = f"import site; site.addsitedir({str(layer / layers.SITE)!r}); import library; print(library.__file__)"
    ran = subprocess.run(
        [sys.executable, "-I", "-c", code],
        env={"SITEWATCH_LAYERS": str(shared)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


def test_a_deployed_layer_is_a_reference_and_all_else_stays(workspace: Workspace, built: Path) -> None:
    deployed = template.read(layers.with_shared_layers(workspace, built))["Resources"]

    assert deployed["Check"]["Properties"] == {"CodeUri": str(built.parent / "Check"), "Layers": [{"Ref": "Libraries"}]}
    layer = Path(deployed["Libraries"]["Properties"].pop("ContentUri"))
    assert deployed["Libraries"]["Properties"] == {"Description": "kept"}
    assert sum(file.stat().st_size for file in layer.rglob("*") if file.is_file()) < 1000
    assert Path(_imported_by_a_worker(layer, workspace.layers)).is_relative_to(workspace.layers)


def test_a_shared_layer_outlives_its_build_and_moves_with_the_project(
    workspace: Workspace, built: Path, tmp_path: Path
) -> None:
    layers.with_shared_layers(workspace, built)
    shutil.rmtree(built.parent)
    moved = Workspace(workspace.home.rename(tmp_path / "moved"))

    [reference] = moved.references.iterdir()
    assert Path(_imported_by_a_worker(reference, moved.layers)).is_relative_to(moved.layers)


def test_layers_are_linked_and_the_last_few_are_kept(workspace: Workspace, built: Path) -> None:
    library = built.parent / "Libraries" / "python" / "library.py"
    names = []
    for number in range(layers.KEPT + 2):
        library.unlink()
        library.write_text(f"name = {number}")
        shared = layers.share(workspace, library.parent.parent)
        os.utime(shared, (number, number))
        layers.reference(workspace, shared)
        assert library.samefile(shared / "python" / "library.py")
        assert shared == layers.share(workspace, library.parent.parent)
        os.utime(shared, (number, number))
        names.append(shared.name)

    layers.forget_old_layers(workspace)

    assert sorted(each.name for each in workspace.layers.iterdir()) == sorted(names[2:])
    assert sorted(each.name for each in workspace.references.iterdir()) == sorted(names[2:])


def test_a_layer_on_another_file_system_is_copied(
    workspace: Workspace, built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other_file_system(*_paths: str) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", other_file_system)

    shared = layers.share(workspace, built.parent / "Libraries")

    assert (shared / "python" / "library.py").read_text() == "name = 'shared'"
