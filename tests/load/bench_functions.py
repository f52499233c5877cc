"""How long every function takes to import, and to respond when it is warm, compared with a bare botocore function.

``make bench-functions`` prints a table. Each import is a fresh process with byte-compiled code that sees its layers
and nothing else, as on Lambda. It is measured in processor time, which other work on the machine disturbs least, and
compared with imports of the bare function just before and after it, because the machine's speed varies. The bare
function has botocore as pip installs it; ``bare_on_our_layer`` has our trimmed one. Warm calls are made in process,
with AWS's responses from memory.
"""

import argparse
import compileall
import json
import os
import py_compile
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from runner.local import build
from runner.workspace import Workspace
from tests.world.environment import environment
from tests.world.template import ROOT, resources

BARE, BARE_ON_OUR_LAYER = "bare", "bare_on_our_layer"
_BARE_CODE = """
import json
from botocore.session import get_session
client = get_session().create_client("dynamodb")
def handler(event, context):
    return {"statusCode": 200, "body": json.dumps(client.query(TableName="DetectionsTable")["Items"])}
"""
_WARM_CALLS = 200


def processor_milliseconds(command: Sequence[str], settings: Mapping[str, str]) -> float:
    """Run ``command`` and return its processor time in milliseconds."""
    child = os.posix_spawn(command[0], list(command), dict(settings))
    _, status, usage = os.wait4(child, 0)
    if status:
        raise SystemExit(f"failed: {' '.join(command)}")
    return (usage.ru_utime + usage.ru_stime) * 1000


@dataclass(frozen=True, slots=True)
class ImportTime:
    """A module's import: the median in milliseconds, and the median ratio to imports of the bare function around it."""

    milliseconds: float
    to_bare: float


def import_times(paths: Mapping[str, Sequence[str]], rounds: int) -> dict[str, ImportTime]:
    """Measure the import of each module. ``paths`` has each module's search path, the bare function's included."""
    settings = {**environment(), "TOKEN_PUBLIC_KEYS": '{"keys": []}'}

    def measure(module: str) -> float:
        on_path = {**settings, "PYTHONPATH": os.pathsep.join(paths[module])}
        return processor_milliseconds([sys.executable, "-P", "-s", "-S", "-c", f"import {module}"], on_path)

    measured: dict[str, list[tuple[float, float]]] = {module: [] for module in paths}
    before = measure(BARE)
    for _ in range(rounds + 1):
        for module in paths:
            own, after = measure(module), measure(BARE)
            measured[module].append((own, 2 * own / (before + after)))
            before = after
    return {
        # The first round reads the files from the disk.
        module: ImportTime(*(statistics.median(column) for column in zip(*times[1:], strict=True)))
        for module, times in measured.items()
    }


def stock_packages(folder: Path) -> str:
    """Install the layer's packages into ``folder`` as pip does, byte-compiled. Return the folder."""
    lock = ROOT / "layers" / "dependencies" / "requirements.txt"
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "-q", "--no-deps"]
    subprocess.run([*command, "--require-hashes", "--target", str(folder), "-r", str(lock)], check=True, timeout=600)
    return str(folder)


@dataclass(frozen=True, slots=True)
class CallTime:
    """A function's calls in milliseconds: the processor time of the first one, and the median of the others."""

    first: float
    warm: float
    status: float
    """What a read of the caller's status takes, apart from the network: of each first call, then every 30 s."""


def call_times(modules: Sequence[str], path: Sequence[str]) -> dict[str, CallTime]:
    """Measure the calls of each module. They are endpoints, or bare functions."""
    times = {}
    for module in modules:
        ran = subprocess.run(
            [sys.executable, "-m", "tests.load.warm", module, str(_WARM_CALLS)],
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
            env={**os.environ, **environment(), "PYTHONPATH": os.pathsep.join([*path, str(ROOT)])},
        )
        times[module] = CallTime(**json.loads(ran.stdout.splitlines()[-1]))
    return times


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="fresh processes per function (default: %(default)s)")
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder))
        workspace.prepare()
        built = build.build(workspace, build.source_fingerprint()).parent
        code = Path(folder, "code")
        shutil.copytree(built / "CheckFunction", code)
        for name in (BARE, BARE_ON_OUR_LAYER):
            (code / f"{name}.py").write_text(_BARE_CODE, encoding="utf-8")
        compileall.compile_dir(code, quiet=1, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
        path = [str(code), str(built / "SitewatchLayer" / "python"), str(built / "DependenciesLayer" / "python")]
        functions = resources("AWS::Serverless::Function").values()
        modules = [BARE_ON_OUR_LAYER, *sorted(function["Handler"].rpartition(".")[0] for function in functions)]
        stock = [str(code), stock_packages(Path(folder, "stock"))]
        imports = import_times({BARE: stock, **dict.fromkeys(modules, path)}, rounds)
        listing = ["detections.get_detections", "detections.get_stats", "accounts.get_users"]
        calls = call_times([BARE_ON_OUR_LAYER, *listing], path)
    show(imports, calls)


def show(imports: Mapping[str, ImportTime], calls: Mapping[str, CallTime]) -> None:
    """Print the table."""
    columns = (
        "function",
        "import ms",
        "ratio to bare",
        "to bare on our layer",
        "first call ms",
        "warm ms",
        "status ms",
    )
    table = Table(*columns, title="Import, first call and warm calls")
    for module, time in imports.items():
        table.add_row(
            module,
            f"{time.milliseconds:.0f}",
            f"{time.to_bare:.2f}",
            f"{time.to_bare / imports[BARE_ON_OUR_LAYER].to_bare:.2f}",
            *(
                (f"{calls[module].first:.1f}", f"{calls[module].warm:.2f}", f"{calls[module].status:.2f}")
                if module in calls
                else ()
            ),
        )
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
