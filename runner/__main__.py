"""Run Sitewatch on this machine and operate a deployed one.

The Makefile's targets of the same names call these commands, and every argument has a make variable: each command's
own --help lists them. The exit code is 0, 1 for a failure, 2 for a bad setting, 130 after Ctrl-C.
"""

import argparse
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from types import FrameType
from typing import NamedTuple, NoReturn

from runner.arguments import Parser
from runner.errors import RunnerError

INTERRUPTED = 130
LOCAL, SAM_LOCAL, NONE = "runner.local.commands", "runner.engines.sam_local", ""


class Command(NamedTuple):
    """A command: its module, and the names of the functions in it that run the command and add its arguments.

    Only the module of the command that runs is imported.
    """

    summary: str
    module: str
    run: str = "run"
    arguments: str = "add_arguments"


COMMANDS = {
    "run": Command("build, start the emulator, deploy, show what to try; Ctrl-C stops it", LOCAL),
    "up": Command("the same, detached", LOCAL, "up"),
    "down": Command("stop it; the data stays", LOCAL, "down", NONE),
    "status": Command("show whether it is running, and where", LOCAL, "status", NONE),
    "reset": Command("stop it and delete its data", LOCAL, "reset", NONE),
    "validate": Command("check template.yaml with SAM and cfn-lint", LOCAL, "validate", NONE),
    "sam-local": Command("run the functions in Lambda's runtime image", SAM_LOCAL),
    "invoke": Command("run one function in a container", SAM_LOCAL, "run_invoke", "add_invoke_arguments"),
    "localstack": Command("deploy to a running LocalStack", "runner.engines.localstack"),
    "deploy": Command("build for AWS, show the changes, deploy them after you confirm", "runner.operate.deploy"),
    "logs": Command("follow the emulator's log, or one function's lines", "runner.operate.logs"),
    "ingest": Command("import a file of detections, readings or events", "runner.operate.ingest"),
    "redrive": Command("list the dead-letter queues, or send their messages again", "runner.operate.redrive"),
    "quarantine": Command("list rejected records, put them on the stream or drop them", "runner.operate.quarantine"),
    "replay": Command("index the batches that Lambda gave up on", "runner.operate.replay"),
    "rotate-key": Command("change the key that signs tokens", "runner.operate.rotate_key"),
    "admin": Command("issue a reset token, for the last administrator's lost password", "runner.operate.admin"),
    "restore": Command("put a table's items back", "runner.operate.restore"),
    "documents": Command(
        "write the OpenAPI document and the Postman collection", "runner.documents.files", arguments=NONE
    ),
    "engines": Command("write the tables of docs/engines.md", "runner.documents.engines", arguments=NONE),
}


def parse(words: Sequence[str]) -> argparse.Namespace:
    """Parse a command line; the result has the command's function as `run`."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = Parser(prog="python -m runner", description=__doc__, formatter_class=raw)
    commands = parser.add_subparsers(metavar="command", required=True)
    for name, command in COMMANDS.items():
        subparser = commands.add_parser(name, help=command.summary, formatter_class=raw)
        if name in words[:1]:
            module = import_module(command.module)
            subparser.description = module.__doc__
            if command.arguments:
                getattr(module, command.arguments)(subparser)
            subparser.set_defaults(run=getattr(module, command.run))
    return parser.parse_args(words)


def main(words: Sequence[str]) -> int:
    """Run a command and return its exit code; an error goes to standard error."""
    try:
        parsed = parse(words)
        code: int | None = parsed.run(parsed)
    except RunnerError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    return code or 0


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    for number in (signal.SIGTERM, signal.SIGHUP):  # a closed terminal and a kill act like Ctrl-C
        signal.signal(number, _interrupt)
    sys.exit(main(sys.argv[1:]))
