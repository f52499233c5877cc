"""Build with SAM: each state of the sources once, into its own folder, which never changes afterwards."""

import hashlib
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runner import template
from runner.local import environment
from runner.processes import run_logged
from runner.workspace import BUILDS_FOLDER, LOCAL_FOLDER, PROJECT_ROOT, Workspace, exclusive, require_disk_space

BUILD_DEADLINE_S = 600.0
BUILD_MB, TEMPORARY_MB = 150, 150
"""The disk space that a build needs in its own folder and in the folder for temporary files."""
KEPT_BUILDS = 3
RUNTIME = f"python{sys.version_info.major}.{sys.version_info.minor}"
"""The functions' runtime here: the emulator runs them with its own interpreter."""
ARCHITECTURE = "arm64" if platform.machine().lower() in ("arm64", "aarch64") else "x86_64"
SOURCES = ("template.yaml", "monitoring.yaml", "functions", "layers")


@dataclass(frozen=True, slots=True)
class Target:
    """What to build for: the functions' runtime and processor, and whether this interpreter runs them."""

    runtime: str
    architecture: str
    is_host: bool = False

    def settings(self) -> dict[str, str]:
        """The variables that the layers' makefiles read."""
        runtime = "host" if self.is_host else self.runtime
        return {"RUNTIME": runtime, "ARCHITECTURE": self.architecture, "PYTHON": sys.executable}


HERE = Target(RUNTIME, ARCHITECTURE, is_host=True)
CONTAINERS = Target("python3.13", ARCHITECTURE)
"""Lambda's runtime image."""
CONTAINER_BUILDS = LOCAL_FOLDER / "builds-containers"
CODE_PATHS = ("CodeUri", "ContentUri", "TemplateURL")


def source_files(root: Path) -> Iterator[Path]:
    """Every file that a build reads, always in the same order."""
    for source in SOURCES:
        path = root / source
        if path.is_file():
            yield path
        for folder, subfolders, names in os.walk(path):
            subfolders[:] = sorted(name for name in subfolders if name != "__pycache__")
            for name in sorted(names):
                if not name.endswith(".pyc"):
                    yield Path(folder, name)


def source_fingerprint(root: Path = PROJECT_ROOT) -> str:
    """A hash of the sources' names, modes and contents and of the interpreter that they are built for."""
    digest = hashlib.sha256(f"{sys.version}\0{platform.machine()}\0{sys.platform}\0".encode())
    for file in source_files(root):
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        digest.update(f"{file.relative_to(root)}\0{os.access(file, os.X_OK)}\0{content}\0".encode())
    return digest.hexdigest()


def is_built(fingerprint: str, builds: Path = BUILDS_FOLDER) -> bool:
    """Whether this state of the sources has been built."""
    return (builds / fingerprint[:16] / "template.yaml").exists()


def disk_space(fingerprint: str, builds: Path = BUILDS_FOLDER) -> list[tuple[Path, int]]:
    """The folders in which building this state of the sources takes space, and how many MB; none if it is built."""
    if is_built(fingerprint, builds):
        return []
    builds.mkdir(parents=True, exist_ok=True)
    return [(builds, BUILD_MB), (Path(tempfile.gettempdir()), TEMPORARY_MB)]


def build(
    workspace: Workspace,
    fingerprint: str,
    root: Path = PROJECT_ROOT,
    builds: Path = BUILDS_FOLDER,
    target: Target = HERE,
) -> Path:
    """Build the sources unless they are built already, and return the built template's path.

    Each target needs its own folder of builds. Several processes may call this at once: one builds, the others wait.
    """
    built = builds / fingerprint[:16]
    busy = f"Another build has been running for {BUILD_DEADLINE_S:.0f} s; if there is none, delete {builds}."
    with exclusive(builds / "lock", BUILD_DEADLINE_S, busy) as lock:
        if not is_built(fingerprint, builds):
            require_disk_space(*disk_space(fingerprint, builds))
            draft = builds / "draft"
            shutil.rmtree(draft, ignore_errors=True)
            command = [*environment.SAM, "build", "--template-file", str(root / "template.yaml")]
            command += ["--build-dir", str(draft), "--cached", "--parallel"]
            command += ["--cache-dir", str(builds / f"cache-{target.runtime}-{target.architecture}")]
            command += ["--parameter-overrides", f"Runtime={target.runtime} Architecture={target.architecture}"]
            run_logged(
                command,
                environment=environment.sam(workspace, extra=target.settings()),
                folder=root,
                log=builds / "build.log",
                deadline_s=BUILD_DEADLINE_S,
                what="sam build",
                lock=lock,
            )
            draft.rename(built)
        os.utime(built)
        forget_old_builds(builds)
    return built / "template.yaml"


def for_containers(workspace: Workspace) -> Path:
    """Build for Lambda's runtime image and return the built template's path."""
    return build(workspace, source_fingerprint(), builds=CONTAINER_BUILDS, target=CONTAINERS)


def read(built: Path) -> dict[str, Any]:
    """A built template that finds its code from any folder."""
    document = template.read(built)
    for resource in document["Resources"].values():
        properties = resource.get("Properties", {})
        properties |= {key: str(built.parent / properties[key]) for key in CODE_PATHS if key in properties}
    return document


def forget_old_builds(builds: Path) -> None:
    """Delete all builds but the most recently used."""
    known = [folder for folder in builds.iterdir() if (folder / "template.yaml").exists() and folder.name != "draft"]
    for folder in sorted(known, key=lambda folder: folder.stat().st_mtime, reverse=True)[KEPT_BUILDS:]:
        shutil.rmtree(folder, ignore_errors=True)
