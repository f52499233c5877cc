"""Make packages import what they re-export when it is first asked for, not all of it at once.

Run by the Makefile beside it: ``python defer.py <site directory>``.
``from package import name`` runs the package's `__init__`, which for those below imports every module they have: all of
Powertools' resolvers and event classes for the one that a function uses, and X.509 for a library that checks tokens.
"""

import argparse
import ast
import sys
from pathlib import Path

PACKAGES = (
    "aws_lambda_powertools.event_handler",
    "aws_lambda_powertools.utilities.data_classes",
    "cryptography.x509",
)

# PEP 562: a module's __getattr__ is asked for the names that it lacks, once each here.
_GETATTR = """

_REEXPORTS = {reexports!r}


def __getattr__(name):
    from importlib import import_module

    if name not in _REEXPORTS:
        raise AttributeError(f"module {{__name__!r}} has no attribute {{name!r}}")
    module, attribute = _REEXPORTS[name]
    value = import_module(module)
    if attribute:
        value = getattr(value, attribute)
    globals()[name] = value
    return value
"""


def deferred(package: str, source: str) -> str:
    """The source of a package's `__init__` that imports its re-exports when they are asked for.

    What the `__init__` itself works with is imported at once as before, and so is a name that a submodule has too:
    importing that submodule binds the name to it, so that `__getattr__` would never be asked.
    """
    tree = ast.parse(source)
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    reexports: dict[str, tuple[str, str | None]] = {}
    statements: list[ast.stmt] = []
    for statement in tree.body:
        if not isinstance(statement, ast.ImportFrom) or statement.module == "__future__":
            statements.append(statement)
            continue
        module = _absolute(package, statement)
        at_once = []
        for alias in statement.names:
            name = alias.asname or alias.name
            if name in used or name == "*" or module == f"{package}.{name}":
                at_once.append(alias)
            elif module == package:
                reexports[name] = (f"{package}.{alias.name}", None)
            else:
                reexports[name] = (module, alias.name)
        if at_once:
            statements.append(ast.ImportFrom(statement.module, at_once, statement.level))
    tree.body = statements
    return ast.unparse(tree) + _GETATTR.format(reexports=reexports)


def _absolute(package: str, statement: ast.ImportFrom) -> str:
    """The whole name of the module that a package's `__init__` imports from."""
    if not statement.level:
        return statement.module or ""
    parents = package.split(".")[: len(package.split(".")) + 1 - statement.level]
    return ".".join([*parents, *([statement.module] if statement.module else [])])


def main() -> int:
    """Rewrite the packages of an installed layer."""
    parser = argparse.ArgumentParser(description="Defer what a layer's packages re-export.")
    parser.add_argument("site", type=Path)
    site = parser.parse_args().site
    for package in PACKAGES:
        path = site.joinpath(*package.split("."), "__init__.py")
        path.write_text(deferred(package, path.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
