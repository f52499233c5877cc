"""Let all workers of the emulator import from one copy of each layer.

The emulator unpacks all layers of a function for each of its workers: 46 MB and a third of a cold start. So the layers
that it gets contain only a `.pth` file each. Python runs its line when the worker starts, and the line puts the shared
copy on the module search path.
"""

import hashlib
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import yaml

from runner import template
from runner.local import build
from runner.workspace import Workspace, write_whole

REFERENCE = Path(__file__).with_name("shared.pth")
"""The line that a worker runs. The folder of shared layers is in its environment, so the project may move."""
KEPT = 6
LAYER = "AWS::Serverless::LayerVersion"
SITE = Path("python", "lib", f"python{sys.version_info.major}.{sys.version_info.minor}", "site-packages")
"""The folder of a layer whose `.pth` files Lambda and the emulator read."""


def with_shared_layers(workspace: Workspace, built: Path) -> Path:
    """Share the layers of a built template, and return a template with layers that refer to the shared copies."""
    document = build.read(built)
    for name, _ in template.of_type(document, LAYER):
        properties: dict[str, Any] = document["Resources"][name]["Properties"]
        properties["ContentUri"] = str(reference(workspace, share(workspace, Path(properties["ContentUri"]))))
    forget_old_layers(workspace)
    write_whole(workspace.template, yaml.safe_dump(document, sort_keys=False))
    return workspace.template


def share(workspace: Workspace, layer: Path) -> Path:
    """Link a built layer into the workspace, which outlives the build, and return the folder."""
    shared = workspace.layers / digest(layer)
    if shared.exists():
        os.utime(shared)
        return shared
    draft = workspace.layers / "draft"
    shutil.rmtree(draft, ignore_errors=True)
    shutil.copytree(layer, draft, copy_function=link)
    os.utime(draft)
    draft.rename(shared)
    return shared


def link(source: str, target: str) -> None:
    """Make a file's hard link, or copy it to another file system."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def reference(workspace: Workspace, shared: Path) -> Path:
    """A layer with nothing but a reference to a shared one. It stays valid when the whole project moves."""
    folder = workspace.references / shared.name
    (folder / SITE).mkdir(parents=True, exist_ok=True)
    line = REFERENCE.read_text(encoding="utf-8").replace("DIGEST", shared.name)
    write_whole(folder / SITE / REFERENCE.name, line)
    return folder


def digest(folder: Path) -> str:
    """A hash of the names and contents of a folder's files."""
    found = hashlib.sha256()
    for file in sorted(each for each in folder.rglob("*") if each.is_file()):
        found.update(f"{file.relative_to(folder)}\0{hashlib.sha256(file.read_bytes()).hexdigest()}\0".encode())
    return found.hexdigest()[:16]


def forget_old_layers(workspace: Workspace) -> None:
    """Delete all shared layers but the most recently deployed."""
    known = sorted(workspace.layers.iterdir(), key=lambda folder: folder.stat().st_mtime, reverse=True)
    for folder in known[KEPT:]:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(workspace.references / folder.name, ignore_errors=True)
