"""Command-line arguments that make variables can set too: `make up PORT=4600` is `python -m runner up --port 4600`.

make passes its variables in the environment, and each argument names the one that it defaults to.
"""

import argparse
import ipaddress
import os
import re
from collections.abc import Callable
from typing import Any, NoReturn
from urllib.parse import urlsplit

from runner.errors import UsageError

LOWEST_PORT, HIGHEST_PORT = 1024, 65535
DEFAULT_PORTS = {"http": 80, "https": 443}
ORIGIN_HOST = re.compile(r"[0-9a-z](?:[0-9a-z.-]*[0-9a-z])?|[0-9a-f:]*:[0-9a-f:.]*")
"""A name, an IPv4 or an IPv6 address."""


class Parser(argparse.ArgumentParser):
    """A parser that reports bad usage in one line."""

    def error(self, message: str) -> NoReturn:
        """Raise UsageError instead of printing the usage and exiting."""
        raise UsageError(f"{message} ({self.prog} --help explains)")


def add(
    parser: argparse.ArgumentParser,
    name: str,
    variable: str,
    explanation: str,
    parse: Callable[[str], Any] = str,
    default: Any = "",
) -> None:
    """Add an option (`--port`) or an optional positional argument (`file`) that a make variable can set.

    `parse` raises ValueError with what the text should be, such as "a number". An empty text is the default.
    """

    def parse_or_explain(text: str) -> Any:
        try:
            return parse(text) if text else default
        except ValueError as error:
            raise UsageError(f"{variable} is {error}, not {text}.") from None

    optional: dict[str, Any] = {} if name.startswith("-") else {"nargs": "?"}
    parser.add_argument(
        name,
        type=parse_or_explain,
        default=os.environ.get(variable, ""),
        metavar=variable,
        help=f"{explanation} [{variable}=]",
        **optional,
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


def add_simulate(parser: argparse.ArgumentParser) -> None:
    """Add the option that switches the schedules off."""
    add(parser, "--simulate", "SIMULATE", "on, or off to disable every schedule", switch, default=True)


def port(text: str) -> int:
    """Parse the number of a port."""
    if not (text.isdecimal() and LOWEST_PORT <= int(text) <= HIGHEST_PORT):
        raise ValueError(f"a number from {LOWEST_PORT} to {HIGHEST_PORT}")
    return int(text)


def one_of(*values: str) -> Callable[[str], str]:
    """A parser that accepts these values."""

    def parse(text: str) -> str:
        if text not in values:
            raise ValueError(" or ".join(values))
        return text

    return parse


def switch(text: str) -> bool:
    """Parse `on` or `off`."""
    return one_of("on", "off")(text) == "on"


def origins(text: str) -> str:
    """Parse a list of origins, and return it as browsers write them in the header `Origin`."""
    return ",".join(map(_origin, text.split(",")))


def _origin(text: str) -> str:
    text = text.strip()
    if text == "*":
        return text
    found = urlsplit(text)
    try:
        port = "" if found.port in (None, DEFAULT_PORTS.get(found.scheme)) else f":{found.port}"
    except ValueError:
        port = None
    host, given = found.hostname or "", f"{found.scheme}://{found.netloc}"
    if (
        port is None
        or found.scheme not in DEFAULT_PORTS
        or not ORIGIN_HOST.fullmatch(host)
        or "@" in found.netloc
        or text.removesuffix("/").lower() != given.lower()
    ):
        raise ValueError("a list of origins such as http://localhost:3000,https://watch.example.com")
    return f"{found.scheme}://{f'[{host}]' if ':' in host else host}{port}"


def address(text: str) -> str:
    """Parse an IPv4 address."""
    try:
        return str(ipaddress.IPv4Address(text))
    except ValueError:
        raise ValueError("an IPv4 address of this machine, or 0.0.0.0") from None
