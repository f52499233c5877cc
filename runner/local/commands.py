"""The local system's commands: run, up, down, status, reset, and validate for the template that it deploys."""

import argparse
import shutil
import subprocess
import time

from rich.table import Table

from runner import arguments
from runner.local import emulator, environment, system
from runner.local.system import Options
from runner.processes import foreground
from runner.progress import Progress
from runner.stack import Stack
from runner.workspace import LOCAL_FOLDER, PROJECT_ROOT, Workspace

WORKSPACE = Workspace(LOCAL_FOLDER)
VALIDATE_DEADLINE_S = 300


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what every command accepts that may start the emulator."""
    arguments.add(parser, "--port", "PORT", "the emulator's port; default: 4566", arguments.port, default=None)
    address = "the address that the emulator listens on; default: 127.0.0.1"
    arguments.add(parser, "--bind", "BIND", address, arguments.address, default=None)
    arguments.add_simulate(parser)
    pages = "origins whose pages may call the API, with commas between them: http://localhost:3000"
    arguments.add(parser, "--cors-origins", "CORS_ORIGINS", pages, arguments.origins)


def options_of(parsed: argparse.Namespace) -> Options:
    """The options that `add_arguments` has parsed."""
    return Options(port=parsed.port, simulate=parsed.simulate, bind=parsed.bind, origins=parsed.cors_origins)


@foreground()
def run(parsed: argparse.Namespace) -> None:
    """Bring the system up, show what to try, and stop it on Ctrl-C."""
    progress = Progress()
    with system.only_one(WORKSPACE):
        if emulator.running(WORKSPACE) is not None:
            progress.say("Sitewatch is already running: make logs follows it, make down stops it, make up updates it.")
            return
        began = time.monotonic()
        stack = system.bring_up(WORKSPACE, options_of(parsed), progress)
        progress.say(f"Ready in {time.monotonic() - began:.1f} s. Ctrl-C stops it; the data stays for the next run.\n")
        show(stack, progress)
    try:
        while emulator.running(WORKSPACE) is not None:
            time.sleep(0.5)
    except KeyboardInterrupt:
        with progress.step("Stopping …", "Stopped, the data is saved"):
            system.take_down(WORKSPACE)
        return
    progress.say("The emulator has ended: by make down, or see .local/emulator.log.")


def up(parsed: argparse.Namespace) -> None:
    """Bring the system up and leave it running."""
    progress, began = Progress(), time.monotonic()
    with system.only_one(WORKSPACE):
        stack = system.bring_up(WORKSPACE, options_of(parsed), progress)
    progress.say(f"Ready in {time.monotonic() - began:.1f} s: {stack.base_url}")
    progress.say("make logs follows it, make down stops it; .local/stack.json has the addresses and users.")
    if shutil.which("docker") and not WORKSPACE.sam_local.exists():
        progress.say("For sam local by hand, type: make sam-local PREPARE=yes")


def down(_parsed: argparse.Namespace) -> None:
    """Stop the system; its data stays."""
    with system.only_one(WORKSPACE):
        stopped = system.take_down(WORKSPACE)
    Progress().say("Stopped, the data is saved." if stopped else "Sitewatch is not running.")


def reset(_parsed: argparse.Namespace) -> None:
    """Stop the system and delete its data."""
    with system.only_one(WORKSPACE):
        running = emulator.running(WORKSPACE)
        if running is not None:
            running.discard()
        WORKSPACE.erase()
    Progress().say("The local data is deleted.")


def status(_parsed: argparse.Namespace) -> int:
    """Show where the system runs; the exit code is 1 if it does not."""
    if emulator.running(WORKSPACE) is None:
        Progress().say("Sitewatch is not running.")
        return 1
    show(Stack.read(WORKSPACE.stack), Progress())
    return 0


def validate(_parsed: argparse.Namespace) -> int:
    """Check template.yaml with SAM and cfn-lint; returns SAM's exit code."""
    WORKSPACE.prepare()
    command = [*environment.SAM, "validate", "--lint", "--template-file", str(PROJECT_ROOT / "template.yaml")]
    return subprocess.run(
        command, env=environment.sam(WORKSPACE), cwd=PROJECT_ROOT, check=False, timeout=VALIDATE_DEADLINE_S
    ).returncode


def show(stack: Stack, progress: Progress) -> None:
    """Print the addresses, the users and what to try next."""
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_row("Base URL", stack.base_url)
    for username, password in stack.users.items():
        table.add_row("User", f"{username} / {password} (role admin, here only)")
    table.add_row("Stream", f"{stack.detections_stream} on {stack.endpoint_url}")
    progress.console.print(table, soft_wrap=True)
    progress.say("\nTo try next, in another terminal:")
    progress.say(f"  URL={stack.base_url}")
    username, password = stack.user
    progress.say(
        f"  TOKEN=$(curl -s $URL/token -d username={username} -d password={password}"
        " | python3 -c 'import json,sys; print(json.load(sys.stdin)[\"access_token\"])')"
    )
    progress.say('  curl "$URL/detections?limit=5" -H "Authorization: Bearer $TOKEN"')
    progress.say('  curl -N $URL/alerts -H "Authorization: Bearer $TOKEN"\n')
