"""Functions in fresh processes: the processor time of their import, first answer and warm calls.

Code is byte-compiled. A process sees its search path and the standard library, as on Lambda.
"""

import compileall
import hashlib
import json
import os
import py_compile
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from runner.local import build
from runner.workspace import LOCAL_FOLDER, Workspace
from sitewatch import keys
from tests.world.environment import environment
from tests.world.settings import SIGNING_SECRET
from tests.world.template import ROOT

LAYER_LOCK = ROOT / "layers" / "dependencies" / "requirements.txt"
PEERS_LOCK = ROOT / "tests" / "load" / "peers" / "requirements.txt"


@dataclass(frozen=True, slots=True)
class Function:
    """A module with a handler, its search path, and what makes the event for a process; without it, none is called."""

    module: str
    path: Sequence[Path]
    request: Callable[[], Mapping[str, Any]] | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """A process: its times in milliseconds, and its last answer.

    ``imported`` and ``first`` (answer) count from the start of the process; they are the same without a call. ``warm``
    is the median call after the first one; 0 without any.
    """

    imported: float
    first: float
    warm: float
    answer: Any = None


@dataclass(frozen=True, slots=True)
class Compared:
    """Medians of a function's times, and of the ratios to them of the runs of the baseline around it."""

    own: Run
    ratio: Run


@contextmanager
def signing() -> Iterator[None]:
    """Sign tokens with the key that the functions know, without a secret at AWS, while it runs."""
    with patch.object(keys, "current_signing_key", lambda: keys.signing_key(SIGNING_SECRET)):
        yield


def run(function: Function, url: str, calls: int = 0) -> Run:
    """Call a function in a fresh process, and then ``calls`` times more. AWS is at ``url``."""
    settings = {
        **environment(),
        "AWS_ENDPOINT_URL": url,
        "PYTHONPATH": os.pathsep.join(map(str, function.path)),
        "TOKEN_PUBLIC_KEYS": os.environ["TOKEN_PUBLIC_KEYS"],
    }
    with tempfile.NamedTemporaryFile("w", suffix=".json") as event:
        json.dump(function.request() if function.request else None, event)
        event.flush()
        command = [sys.executable, "-P", "-s", "-S", "-m", "tests.load.child", function.module, event.name, str(calls)]
        ran = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=120, env=settings)
    return Run(**json.loads(ran.stdout.splitlines()[-1]))


def compare(
    baseline: Function, others: Mapping[str, Function], url: str, *, rounds: int, calls: int = 0
) -> tuple[Run, dict[str, Compared]]:
    """Measure each function between two runs of the baseline; return the baseline's medians, and theirs."""
    runs: dict[str, list[tuple[Run, Run]]] = {name: [] for name in others}
    baselines = [run(baseline, url, calls)]
    for _ in range(rounds + 1):
        for name, function in others.items():
            own = run(function, url, calls)
            baselines.append(run(baseline, url, calls))
            around = _medians(baselines[-2:])
            warm = around.warm / own.warm if calls else 0.0
            runs[name].append((own, Run(around.imported / own.imported, around.first / own.first, warm)))
    # The first round reads the files from the disk.
    compared = {
        name: Compared(*(_medians(each) for each in zip(*measured[1:], strict=True))) for name, measured in runs.items()
    }
    return _medians(baselines[len(others) :]), compared


def _medians(runs: Sequence[Run]) -> Run:
    return Run(
        statistics.median(each.imported for each in runs),
        statistics.median(each.first for each in runs),
        statistics.median(each.warm for each in runs),
        runs[-1].answer,
    )


def build_functions(folder: Path) -> tuple[Path, Path, Path]:
    """Build for this machine. Return the search path of our functions: code (in ``folder``), kernel and packages."""
    workspace = Workspace(folder)
    workspace.prepare()
    built = build.build(workspace, build.source_fingerprint()).parent
    code = folder / "code"
    shutil.copytree(built / "CheckFunction", code)
    for name in ("peers/*.py", "child.py"):
        for file in (ROOT / "tests" / "load").glob(name):
            copy = code / file.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, copy)
    compileall.compile_dir(code, quiet=1, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    return code, built / "SitewatchLayer" / "python", built / "DependenciesLayer" / "python"


def installed(lock: Path) -> Path:
    """The folder with a lock file's packages, as pip installs them, byte-compiled."""
    folder = LOCAL_FOLDER / "peers" / hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()[:16]
    if not folder.exists():
        draft = folder.with_name("draft")
        shutil.rmtree(draft, ignore_errors=True)
        command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "-q", "--no-deps"]
        subprocess.run([*command, "--require-hashes", "--target", draft, "-r", lock], check=True, timeout=600)
        draft.rename(folder)
    return folder
