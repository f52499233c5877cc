"""Command-line arguments that make variables can set too: `make up PORT=4600` is `python -m runner up --port 4600`.

make passes its variables in the environment, and each argument names the one that it defaults to.
"""

import argparse
import ipaddress
import os
from collections.abc import Callable
from typing import Any, NoReturn

from runner.errors import UsageError

LOWEST_PORT, HIGHEST_PORT = 1024, 65535


class Parser(argparse.ArgumentParser):
    """A parser that reports bad usage in one line."""

    def error(self, message: str) -> NoReturn:
        """Raise UsageError instead of printing the usage and exiting."""
        raise UsageError(f"{message} ({self.prog} --help explains)")


def add(
    parser: argparse.ArgumentParser, name: str, variable: str, explanation: str, parse: Callable[[str], Any] = str
) -> None:
    """Add an option (`--port`) or an optional positional argument (`file`), with a make variable as its default."""
    positional: dict[str, Any] = {} if name.startswith("-") else {"nargs": "?"}
    parser.add_argument(
        name,
        type=parse,
        default=os.environ.get(variable, ""),
        metavar=variable,
        help=f"{explanation} [{variable}=]",
        **positional,
    )


def add_flag(parser: argparse.ArgumentParser, name: str, variable: str, explanation: str) -> None:
    """Add a flag that the make variable sets to `yes`."""
    default = os.environ.get(variable) == "yes"
    parser.add_argument(name, action="store_true", default=default, help=f"{explanation} [{variable}=yes]")


def add_stack(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say which stack a command works on; `runner.stack.find` reads them."""
    add(parser, "--stack", "STACK", "a stack that your own AWS settings reach; default: the local system")
    parser.add_argument("--region", default="", help="the region of that stack, if your settings name none")
    parser.add_argument("--stack-file", default="", help="another local system's stack.json")


def port(variable: str) -> Callable[[str], int | None]:
    """A parser of port numbers; an empty text is None. Raises UsageError."""

    def parse(text: str) -> int | None:
        if not text:
            return None
        if not (text.isdecimal() and LOWEST_PORT <= int(text) <= HIGHEST_PORT):
            raise UsageError(f"{variable} is a number from {LOWEST_PORT} to {HIGHEST_PORT}, not {text}.")
        return int(text)

    return parse


def choice(variable: str, *values: str) -> Callable[[str], str]:
    """A parser that accepts these values; an empty text is the first. Raises UsageError."""

    def parse(text: str) -> str:
        if text and text not in values:
            raise UsageError(f"{variable} is {' or '.join(values)}, not {text}.")
        return text or values[0]

    return parse


def switch(variable: str) -> Callable[[str], bool]:
    """A parser of `on` and `off`; an empty text is on. Raises UsageError."""
    return lambda text: choice(variable, "on", "off")(text) == "on"


def address(text: str) -> str | None:
    """The IPv4 address in BIND; an empty text is None. Raises UsageError."""
    try:
        return str(ipaddress.IPv4Address(text)) if text else None
    except ValueError:
        raise UsageError(f"BIND is an IPv4 address of this machine, or 0.0.0.0, not {text}.") from None
