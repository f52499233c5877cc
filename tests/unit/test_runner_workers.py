"""Workers are forked from a process that has imported their layers' libraries, and are otherwise on their own."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from runner.local import workers

# It says who it is, and answers each line with it, until there are no more.
SCRIPT = """
import jwt, os, sys
sys.stderr.write(f"{os.environ.get('NAME')} {os.environ.get('OTHER')} {os.getcwd()} {sys.argv} {sys.path[0]}\\n")
for line in sys.stdin:
    print(line.strip(), jwt.imported_by, os.getpid(), os.getppid(), flush=True)
"""

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs process descriptors")


@pytest.fixture(autouse=True)
def world() -> None:
    """No table is needed here."""


@pytest.fixture
def nursery() -> Iterator[workers.Nursery]:
    made = workers.Nursery()
    yield made
    made.close()


def _layer(folder: Path, name: str = "library") -> str:
    """A layer whose `.pth` file refers to a folder with a library, as `layers.py` makes it."""
    sites = folder / name / "python" / "lib" / "python3" / "site-packages"
    sites.mkdir(parents=True)
    (folder / name / "shared").mkdir()
    (folder / name / "shared" / "jwt.py").write_text("import os\nimported_by = os.getpid()\n")
    (sites / "shared.pth").write_text(f"import sys; sys.path.insert(0, {str(folder / name / 'shared')!r})\n")
    return str(folder / name)


def _start(nursery: workers.Nursery, folder: Path, layer: str, **variables: str) -> Any:
    script = folder / "worker.py"
    # As the emulator's own script does, which comes before ours.
    script.write_text(f"import site\nsite.addsitedir({layer + '/python/lib/python3/site-packages'!r})\n{SCRIPT}")
    return nursery.start(
        [sys.executable, str(script)],
        cwd=str(folder),
        env={workers.LAYERS_VARIABLE: layer, **variables},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        bufsize=1,
    )


def _answer(worker: Any) -> list[str]:
    worker.stdin.write("hello\n")
    worker.stdin.flush()
    answer: list[str] = worker.stdout.readline().split()
    return answer


def test_workers_share_what_their_parent_has_imported(nursery: workers.Nursery, tmp_path: Path) -> None:
    layer = _layer(tmp_path)

    answers = [_answer(_start(nursery, tmp_path, layer)) for _ in range(2)]

    [(_, importer, first, parent), (_, same_importer, second, same_parent)] = answers
    assert importer == same_importer == parent == same_parent
    assert first != second


def test_a_worker_has_its_own_environment_folder_and_path(nursery: workers.Nursery, tmp_path: Path) -> None:
    layer = _layer(tmp_path)
    _answer(_start(nursery, tmp_path, layer, OTHER="the first worker's"))

    worker = _start(nursery, tmp_path, layer, NAME="mine")

    script = str(tmp_path / "worker.py")
    assert worker.stderr.readline().split(maxsplit=2) == [
        "mine",
        "None",
        f"{tmp_path} {[script]} {tmp_path}/library/shared\n",
    ]


def test_a_worker_ends_with_its_input_or_when_it_is_killed(nursery: workers.Nursery, tmp_path: Path) -> None:
    layer = _layer(tmp_path)
    asked, ended, killed = (_start(nursery, tmp_path, layer) for _ in range(3))
    assert _answer(killed)
    assert killed.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        killed.wait(0.01)

    ended.stdin.close()
    asked.terminate()
    killed.kill()

    assert [each.wait(20) for each in (asked, ended, killed)] == [0, 0, 0]
    assert [each.poll() for each in (asked, ended, killed)] == [0, 0, 0]
    assert killed.stdout.readline() == ""
    killed.kill()  # nothing is left to kill
    assert _gone(killed.pid)


def _gone(pid: int) -> bool:
    """Whether a process has ended and been collected."""
    end = time.monotonic() + 20
    while Path("/proc", str(pid)).exists() and time.monotonic() < end:
        time.sleep(0.01)
    return not Path("/proc", str(pid)).exists()


def test_other_layers_have_another_parent(nursery: workers.Nursery, tmp_path: Path) -> None:
    old = _start(nursery, tmp_path, _layer(tmp_path, "old"))
    before = _answer(old)

    after = _answer(_start(nursery, tmp_path, _layer(tmp_path, "new")))

    assert after[3] != before[3]
    assert _answer(old)[:3] == before[:3]  # it lives on


def test_a_parent_that_was_killed_is_replaced(nursery: workers.Nursery, tmp_path: Path) -> None:
    layer = _layer(tmp_path)
    parent = int(_answer(_start(nursery, tmp_path, layer))[3])
    os.kill(parent, 9)
    assert nursery._parent is not None
    nursery._parent.wait(20)

    assert _answer(_start(nursery, tmp_path, layer))[3] != str(parent)


def test_a_worker_without_shared_layers_starts_on_its_own(nursery: workers.Nursery) -> None:
    worker = nursery.start([sys.executable, "-c", "print('alone')"], env={}, stdout=subprocess.PIPE, text=True)

    assert worker.communicate(timeout=20) == ("alone\n", None)
    assert nursery._parent is None


def test_the_emulator_starts_its_workers_by_the_nursery() -> None:
    runtime = SimpleNamespace(subprocess=subprocess)

    workers.share(runtime)

    assert runtime.subprocess.PIPE == subprocess.PIPE
    assert runtime.subprocess.Popen is not subprocess.Popen
    assert subprocess.Popen.__module__ == "subprocess"
