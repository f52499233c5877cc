"""Make three packages import what endpoints use, and the rest when it is first used.

The Makefile in this folder runs it: ``python defer.py <site directory>``.
docs/decisions/0003-layers.md has the measurements.
"""

import argparse
from pathlib import Path

PACKAGES = {
    # Its __init__ imports the resolver of every kind of event, and asyncio for one of them.
    "aws_lambda_powertools.event_handler": "from {package}.api_gateway import *",
    # Its __init__ imports the classes of every kind of event. The module of the resolvers names these.
    "aws_lambda_powertools.utilities.data_classes": """\
from {package}.alb_event import ALBEvent
from {package}.api_gateway_proxy_event import APIGatewayProxyEvent, APIGatewayProxyEventV2
from {package}.bedrock_agent_event import BedrockAgentEvent
from {package}.lambda_function_url_event import LambdaFunctionUrlEvent
from {package}.vpc_lattice import VPCLatticeEvent, VPCLatticeEventV2
""",
    # PyJWT imports it for certificates, which no function reads.
    "cryptography.x509": "",
}
"""Packages, and what their new ``__init__`` imports at once."""

INIT = """{imports}
from importlib import import_module


def __getattr__(name):
    return getattr(import_module("{package}._all"), name)
"""


def defer(site: Path) -> None:
    """Rename each package's ``__init__`` to ``_all``, and put one in its place that imports it on demand (PEP 562)."""
    for package, imports in PACKAGES.items():
        folder = site.joinpath(*package.split("."))
        (folder / "__init__.py").rename(folder / "_all.py")
        init = INIT.format(imports=imports.format(package=package), package=package)
        (folder / "__init__.py").write_text(init, encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("site", type=Path)
    defer(parser.parse_args().site)
