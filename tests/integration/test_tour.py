"""docs/tour.md: every command in order, on the deployed system."""

import json
import os
import re
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from runner.local.environment import NO_AWS_SETTINGS
from runner.stack import Stack
from tests.world.template import ROOT

BLOCKS = re.findall(r"```sh\n(.*?)```", (ROOT / "docs" / "tour.md").read_text(encoding="utf-8"), re.DOTALL)
# The system is already running, so `make` is faked: `up` and `down` are tested elsewhere, `ingest` runs the command.
MAKE = """\
#!/bin/sh
case "$1" in
    up|down) echo "make $1: there is a system already" ;;
    ingest) exec "{python}" -m runner ingest "${{2#FILE=}}" --stream "{stream}" ;;
    *) echo "the tour runs make $1, which its test does not know" >&2; exit 2 ;;
esac
"""


def test_every_command_of_the_tour_works(stack: Stack, tmp_path: Path) -> None:
    (tmp_path / ".local").mkdir()
    (tmp_path / ".local" / "stack.json").write_text(json.dumps(asdict(stack)), encoding="utf-8")
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    commands = tmp_path / "bin"
    commands.mkdir()
    make = commands / "make"
    make.write_text(MAKE.format(python=sys.executable, stream=stack.detections_stream), encoding="utf-8")
    make.chmod(0o755)
    script = "set -euo pipefail\n" + "\n".join(f"echo '## block {n}'\n{block}" for n, block in enumerate(BLOCKS, 1))

    ran = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env={
            **NO_AWS_SETTINGS,
            **stack.credentials.variables(),
            "AWS_ENDPOINT_URL": stack.endpoint_url,
            "PYTHONPATH": str(ROOT),
            "PATH": f"{commands}:{os.environ['PATH']}",
            "HOME": str(tmp_path),
            "NO_PROXY": "*",
        },
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert ran.returncode == 0, f"{ran.stdout}\n{ran.stderr}"
    printed = dict(re.findall(r"## block (\d+)\n(.*?)(?=## block|\Z)", ran.stdout, re.DOTALL))
    assert len(printed) == len(BLOCKS)
    for words in (
        "Missing Authorization Header",
        '"accepted"',
        "tour-1",
        "Volvo",
        "SUV",
        "3.1.0",
        "Sitewatch API",
        "OKP",
    ):
        assert any(words in text for text in printed.values()), words


def test_the_tour_has_commands() -> None:
    assert len(BLOCKS) >= 10
