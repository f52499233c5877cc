"""How long every function takes to import, and to answer once it is warm, beside a bare botocore function.

``make bench-functions`` prints a table. Each import is a fresh process with byte-compiled code, in turns with the bare
function, and counted in processor time, which other work on the machine disturbs least. ``emulator`` is as the local
emulator runs a function (its interpreter, the layers first on the path), ``layers`` with the layers and nothing else,
as Lambda does. A warm call is in process, with AWS answering at once from memory.
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
from pathlib import Path

from rich.console import Console
from rich.table import Table

from runner import build
from runner.environment import emulator_python
from runner.workspace import Workspace
from tests.environment import environment
from tests.template import resources

_BARE = """
import json
from botocore.session import get_session
client = get_session().create_client("dynamodb")
def handler(event, context):
    return {"statusCode": 200, "body": json.dumps(client.query(TableName="DetectionsTable")["Items"])}
"""
_WARM_CALLS = 200


def processor_milliseconds(command: Sequence[str], settings: Mapping[str, str]) -> float:
    """The processor time of a process that runs ``command``, in milliseconds."""
    child = os.posix_spawn(command[0], list(command), dict(settings))
    _, status, usage = os.wait4(child, 0)
    if status:
        raise SystemExit(f"failed: {' '.join(command)}")
    return (usage.ru_utime + usage.ru_stime) * 1000


def import_times(modules: Sequence[str], path: Sequence[str], python: Sequence[str], rounds: int) -> dict[str, float]:
    """The median import time of each module, in milliseconds."""
    settings = {**environment(), "TOKEN_PUBLIC_KEYS": '{"keys": []}'}
    times: dict[str, list[float]] = {module: [] for module in modules}
    for _ in range(rounds + 1):
        for module in modules:
            script = f"import sys; sys.path[:0] = {list(path)!r}; import {module}"
            times[module].append(processor_milliseconds([*python, "-c", script], settings))
    # The first round reads the files from the disk.
    return {module: statistics.median(measured[1:]) for module, measured in times.items()}


def warm_times(modules: Sequence[str], path: Sequence[str]) -> dict[str, float]:
    """The median time of a warm call of each module that answers HTTP, in milliseconds."""
    times = {}
    for module in modules:
        ran = subprocess.run(
            [sys.executable, "-m", "tests.load.warm", module, str(_WARM_CALLS), *path],
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
            env={**os.environ, **environment()},
        )
        times[module] = float(json.loads(ran.stdout.splitlines()[-1])["milliseconds"])
    return times


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="fresh processes a function (default: %(default)s)")
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder))
        workspace.prepare()
        built = build.build(workspace, build.source_fingerprint()).parent
        code = Path(folder, "code")
        shutil.copytree(built / "CheckFunction", code)
        (code / "bare.py").write_text(_BARE, encoding="utf-8")
        compileall.compile_dir(code, quiet=1, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
        path = [str(code), str(built / "SitewatchLayer" / "python"), str(built / "DependenciesLayer" / "python")]
        functions = resources("AWS::Serverless::Function").values()
        modules = ["bare", *sorted(function["Handler"].rpartition(".")[0] for function in functions)]
        on_emulator = import_times(modules, path, [emulator_python()], rounds)
        on_layers = import_times(modules, path, [sys.executable, "-I", "-S"], rounds)
        warm = warm_times(["bare", "detections.get_detections", "detections.get_stats", "accounts.get_users"], path)
    show(on_emulator, on_layers, warm)


def show(on_emulator: Mapping[str, float], on_layers: Mapping[str, float], warm: Mapping[str, float]) -> None:
    """Print the table."""
    columns = ("function", "emulator ms", "to bare", "layers ms", "to bare", "warm ms")
    table = Table(*columns, title="Import to ready, and warm")
    for module, milliseconds in on_emulator.items():
        table.add_row(
            module,
            f"{milliseconds:.0f}",
            f"{milliseconds / on_emulator['bare']:.2f}",
            f"{on_layers[module]:.0f}",
            f"{on_layers[module] / on_layers['bare']:.2f}",
            f"{warm[module]:.2f}" if module in warm else "",
        )
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
