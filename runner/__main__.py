"""The runner's commands; the Makefile's targets of the same names call them."""

import argparse
import ipaddress
import os
import signal
import subprocess
import sys
import time
from types import FrameType
from typing import NoReturn

from rich.console import Console
from rich.table import Table

from runner.engines import sam_local
from runner.errors import RunnerError, exit_code
from runner.local import emulator, environment, system
from runner.local.system import Options
from runner.progress import Progress
from runner.stack import Stack
from runner.workspace import LOCAL_FOLDER, PROJECT_ROOT, Workspace

LOWEST_PORT, HIGHEST_PORT = 1024, 65535


def up(workspace: Workspace, options: Options, progress: Progress) -> int:
    """Bring the system up and leave it running."""
    began = time.monotonic()
    with system.only_one(workspace):
        stack = system.bring_up(workspace, options, progress)
    progress.say(f"Ready in {time.monotonic() - began:.1f} s: {stack.base_url}")
    progress.say("make logs follows it, make down stops it; .local/stack.json has the addresses and users.")
    return 0


def run(workspace: Workspace, options: Options, progress: Progress) -> int:
    """Bring the system up and keep it until Ctrl-C."""
    with system.only_one(workspace):
        if emulator.running(workspace) is not None:
            progress.say("Sitewatch runs already: make logs follows it, make down stops it, make up applies changes.")
            return 0
        began = time.monotonic()
        stack = system.bring_up(workspace, options, progress)
        progress.say(f"Ready in {time.monotonic() - began:.1f} s. Ctrl-C stops it; the data stays for the next run.\n")
        show(stack, progress)
    return follow(workspace, progress)


def follow(workspace: Workspace, progress: Progress) -> int:
    """Wait for Ctrl-C, then stop the emulator.

    Raises RunnerError where the emulator ends by itself.
    """
    try:
        while emulator.running(workspace) is not None:
            time.sleep(0.5)
    except KeyboardInterrupt:
        with progress.step("Stopping …", "Stopped, the data is saved"):
            system.take_down(workspace)
        return 0
    progress.say("The emulator has ended: by make down, or see .local/emulator.log.")
    return 0


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
    progress.say(
        "  TOKEN=$(curl -s $URL/token -d username=daikiri -d password="
        f"{stack.users['daikiri']} | python3 -c 'import json,sys; print(json.load(sys.stdin)[\"access_token\"])')"
    )
    progress.say('  curl "$URL/detections?limit=5" -H "Authorization: Bearer $TOKEN"')
    progress.say('  curl -N $URL/alerts -H "Authorization: Bearer $TOKEN"\n')


def down(workspace: Workspace, progress: Progress) -> int:
    """Stop the system; its data stays."""
    with system.only_one(workspace):
        stopped = system.take_down(workspace)
    progress.say("Stopped, the data is saved." if stopped else "Sitewatch does not run.")
    return 0


def reset(workspace: Workspace, progress: Progress) -> int:
    """Stop the system and delete its data."""
    with system.only_one(workspace):
        running = emulator.running(workspace)
        if running is not None:
            running.discard()
        workspace.erase()
    progress.say("The local data is gone.")
    return 0


def status(workspace: Workspace, progress: Progress) -> int:
    """Say whether the system runs; 1 where it does not."""
    if emulator.running(workspace) is None:
        progress.say("Sitewatch does not run.")
        return 1
    show(Stack.read(workspace.stack), progress)
    return 0


def logs(workspace: Workspace, _progress: Progress) -> int:
    """Follow the emulator's log, with the functions' own lines in it, until Ctrl-C."""
    if not workspace.log.exists():
        raise RunnerError("There is no log yet; make up starts the emulator.")
    with workspace.log.open(encoding="utf-8", errors="replace") as log:
        while True:
            text = log.read()
            if text:
                sys.stdout.write(text)
                sys.stdout.flush()
            else:
                time.sleep(0.2)


def validate(workspace: Workspace, _progress: Progress) -> int:
    """Check template.yaml with SAM and cfn-lint; SAM's exit code."""
    workspace.prepare()
    environment.silence_version_check(workspace)
    command = [sys.executable, "-m", "samcli", "validate", "--lint"]
    command += ["--template-file", str(PROJECT_ROOT / "template.yaml")]
    return subprocess.run(
        command, env=environment.sam(workspace), cwd=PROJECT_ROOT, check=False, timeout=300
    ).returncode


def port_number(text: str) -> int | None:
    """A port that a person names; None for an empty one.

    Raises RunnerError for what is no port that a user may listen on.
    """
    if not text:
        return None
    if not (text.isdecimal() and LOWEST_PORT <= int(text) <= HIGHEST_PORT):
        raise RunnerError(f"PORT is a number from {LOWEST_PORT} to {HIGHEST_PORT}, not {text}.")
    return int(text)


def address(text: str) -> str | None:
    """An IPv4 address of this machine that a person names; None for an empty one.

    Raises RunnerError for what is no address.
    """
    if not text:
        return None
    try:
        return str(ipaddress.IPv4Address(text))
    except ValueError:
        raise RunnerError(f"BIND is an IPv4 address of this machine, or 0.0.0.0, not {text}.") from None


def switch(text: str) -> bool:
    """SIMULATE or PULL, on where it is empty.

    Raises RunnerError for anything but on and off.
    """
    if text not in ("", "on", "off"):
        raise RunnerError(f"SIMULATE and PULL are on or off, not {text}.")
    return text != "off"


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line. PORT and SIMULATE in the environment, as make hands them on, stand for the options."""
    parser = argparse.ArgumentParser(prog="make", description="Run Sitewatch on this machine.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("run", "up"):
        add_options(commands.add_parser(name))
    add_container_commands(commands)
    for name in ("down", "logs", "reset", "status", "validate"):
        commands.add_parser(name)
    return parser.parse_args(arguments)


def add_options(command: argparse.ArgumentParser) -> None:
    """What every command that may start the emulator can be told."""
    command.add_argument("--port", type=port_number, default=os.environ.get("PORT", ""))
    command.add_argument("--simulate", type=switch, default=os.environ.get("SIMULATE", ""), metavar="on|off")
    command.add_argument("--bind", type=address, default=os.environ.get("BIND", ""))


def add_container_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The commands that run functions in containers."""
    serve, invoke = commands.add_parser("sam-local"), commands.add_parser("invoke")
    for command in (serve, invoke):
        add_options(command)
        command.add_argument("--pull", type=switch, default=os.environ.get("PULL", ""), metavar="on|off")
    serve.add_argument("--api-port", type=port_number, default=os.environ.get("API_PORT", ""))
    serve.add_argument("--warm", choices=("EAGER", "LAZY"), default=os.environ.get("WARM") or "EAGER")
    invoke.add_argument("function")
    invoke.add_argument("event", nargs="?", default="")


def in_containers(parsed: argparse.Namespace, workspace: Workspace, options: Options, progress: Progress) -> int:
    """Carry out a command that runs functions in containers; its exit code."""
    if parsed.command == "sam-local":
        port = parsed.api_port or sam_local.DEFAULT_API_PORT
        return sam_local.serve(workspace, options, progress, port=port, warm=parsed.warm, pull=parsed.pull)
    to_stderr = Progress(Console(stderr=True, highlight=False))
    with sam_local.data_plane(workspace, options, to_stderr, pull=parsed.pull, as_it_is=True) as containers:
        return containers.invoke(parsed.function, parsed.event)


def dispatch(parsed: argparse.Namespace) -> int:
    """Carry out one command; its exit code."""
    workspace = Workspace(LOCAL_FOLDER)
    progress = Progress()
    if parsed.command in ("run", "up", "sam-local", "invoke"):
        options = Options(port=parsed.port, simulate=parsed.simulate, bind=parsed.bind)
        if parsed.command in ("sam-local", "invoke"):
            return in_containers(parsed, workspace, options, progress)
        return {"run": run, "up": up}[parsed.command](workspace, options, progress)
    return {"down": down, "reset": reset, "status": status, "logs": logs, "validate": validate}[parsed.command](
        workspace, progress
    )


def interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    """A closed terminal or a polite kill is a Ctrl-C."""
    raise KeyboardInterrupt


def main() -> int:
    """Run the command; 1 with a line on standard error where it fails, 130 where it was interrupted."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    parsed = parse()
    return exit_code(lambda: dispatch(parsed))


if __name__ == "__main__":
    sys.exit(main())
