"""The project's code as data: its modules, their imports, and the settings that they read."""

import ast
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from tests.world.template import ROOT

FUNCTIONS = ROOT / "functions"
KERNEL = ROOT / "layers" / "sitewatch" / "python"
DOMAINS = frozenset(path.parent.name for path in FUNCTIONS.glob("*/__init__.py"))

Place = tuple[str, str]
"""A module, and a name in it."""


@dataclass(frozen=True)
class Module:
    """A module of the project."""

    name: str
    path: Path
    tree: ast.Module

    @cached_property
    def imported(self) -> dict[str, str]:
        """Every imported dotted name by its local name, wherever in the module the import is."""
        found = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                found.update({alias.asname or alias.name: alias.name for alias in node.names})
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.update({alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names})
        return found

    @property
    def packages(self) -> set[str]:
        """The top-level packages it imports."""
        return {dotted.partition(".")[0] for dotted in self.imported.values()}


@cache
def modules() -> dict[str, Module]:
    """Every module of the functions and the kernel, by name."""
    return {module.name: module for root in (FUNCTIONS, KERNEL) for module in modules_under(root, root)}


def modules_under(folder: Path, root: Path = ROOT) -> list[Module]:
    """Every module of a folder; ``root`` is where their names begin."""
    found = []
    for path in sorted(folder.rglob("*.py")):
        name = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
        found.append(Module(name, path, ast.parse(path.read_text(encoding="utf-8"))))
    return found


def imports_of(module: str) -> set[str]:
    """The project's modules that importing ``module`` imports, directly or through others."""
    found: set[str] = set()
    ahead = [module]
    while ahead:
        for dotted in modules()[ahead.pop()].imported.values():
            name = dotted if dotted in modules() else dotted.rpartition(".")[0]
            if name in modules() and name not in found:
                found.add(name)
                ahead.append(name)
    return found


def settings_of(module: str, function: str) -> set[str]:
    """The settings that a call of ``function`` can read, including everything it calls and imports.

    This follows names: code that runs on import counts for every importer, and a function's body for everyone who
    names it, even if that caller never reaches it.
    """
    read: set[str] = set()
    seen: set[Place] = set()
    pending: list[Place] = [(module, ""), (module, function)]
    while pending:
        place = pending.pop()
        if place in seen or place[0] not in modules():
            continue
        seen.add(place)
        its_settings, its_names = _read_at(place)
        read |= its_settings
        pending += its_names
    return read


@cache
def _read_at(place: Place) -> tuple[frozenset[str], frozenset[Place]]:
    """The settings that the code at ``place`` reads, and the places it refers to."""
    code, module = _code_at(place), modules()[place[0]]
    settings = {name for node in code for name in _settings_in(node)}
    return frozenset(settings), frozenset(named for node in code for named in _named_in(node, module))


def _code_at(place: Place) -> list[ast.stmt]:
    """The code that runs when a module is imported (the name is empty), or when its name is used."""
    module, name = place
    body = modules()[module].tree.body
    if name:
        return [node for node in body if isinstance(node, ast.FunctionDef) and node.name == name]
    return [node for node in body if not isinstance(node, ast.FunctionDef) or _is_route(node)]


def _is_route(node: ast.FunctionDef) -> bool:
    return any(isinstance(part, ast.Name) and part.id == "app" for one in node.decorator_list for part in ast.walk(one))


def _settings_in(node: ast.AST) -> set[str]:
    return {
        str(call.args[0].value)
        for call in ast.walk(node)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and isinstance(call.func.value, ast.Name)
        and call.func.value.id == "settings"
        and isinstance(call.args[0], ast.Constant)
    }


def _named_in(node: ast.AST, module: Module) -> list[Place]:
    found: list[Place] = []
    imported = module.imported
    for part in ast.walk(node):
        if isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name):
            found += _place_of(f"{imported.get(part.value.id, '')}.{part.attr}")
        elif isinstance(part, ast.Name):
            found += [(module.name, part.id), *_place_of(imported.get(part.id, ""))]
        elif isinstance(part, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in part.names]
            base = part.module if isinstance(part, ast.ImportFrom) else None
            for dotted in [f"{base}.{name}" for name in names] if base else names:
                found += [(dotted, ""), (dotted.rpartition(".")[0], "")]
    return found


def _place_of(dotted: str) -> list[Place]:
    module, _, name = dotted.rpartition(".")
    return [(module, name)] if module else []


def errors_of(module: str) -> set[str]:
    """The names of the catalogue's errors that an endpoint's own domain uses.

    Kernel modules are not followed: every endpoint can return their errors.
    """
    found: set[str] = set()
    seen: set[Place] = set()
    pending: list[Place] = [(module, "")]
    while pending:
        place = pending.pop()
        if place in seen or place[0] not in modules() or place[0].partition(".")[0] not in DOMAINS:
            continue
        seen.add(place)
        here = modules()[place[0]]
        for node in _code_at(place):
            names = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
            dotted = (here.imported.get(name, "") for name in names)
            found |= {each.rpartition(".")[2] for each in dotted if each.startswith("sitewatch.errors.")}
            if not isinstance(node, ast.Import | ast.ImportFrom):
                pending += _named_in(node, here)
    return {name for name in found if name.isupper()}
