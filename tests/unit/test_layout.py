"""The layout of the code: thin handlers, domains apart from each other, a kernel that knows none."""

import ast
import re
import sys

import pytest

from tests.world.code import DOMAINS, FUNCTIONS, KERNEL, Module, modules, modules_under
from tests.world.template import ROOT, resources

MOST_LINES = 60
FUNCTION_PROPERTIES = resources("AWS::Serverless::Function").values()
HANDLERS = sorted({properties["Handler"].rpartition(".")[0] for properties in FUNCTION_PROPERTIES})
COMPOSING = {"jobs.on_queue_work": "one queue has one consumer, which names what does each kind of job"}
"""Modules that may import several domains, and why; no module may import them."""
FORBIDDEN_IMPORTS = {
    "lint": ("runner", "tests"),
    "tests/world": ("lint", "runner", "tests.browser", "tests.integration", "tests.load", "tests.unit"),
    "tests/load": ("lint", "tests.unit", "tests.conftest"),
    "tests/integration": ("tests.browser", "tests.load", "tests.unit", "tests.conftest"),
    "tests/browser": ("tests.load", "tests.unit", "tests.conftest"),
    "tests/unit": ("tests.browser", "tests.integration", "tests.unit", "tests.conftest"),
}
"""What the tools and tests of a folder may not import."""
BY_NAME = pytest.mark.parametrize("module", modules().values(), ids=lambda module: module.name)


@pytest.fixture(autouse=True)
def world() -> None:
    """No table is needed here."""


def test_there_are_domains_and_a_kernel_to_look_at() -> None:
    assert {"accounts", "alerts", "detections", "portal"} <= DOMAINS
    assert {"sitewatch.api", "accounts.model"} <= set(modules())


@pytest.mark.parametrize("name", HANDLERS)
def test_a_handler_is_short_enough_to_be_read_at_a_glance(name: str) -> None:
    lines = modules()[name].path.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= MOST_LINES


@BY_NAME
def test_no_domain_imports_another_and_the_kernel_none(module: Module) -> None:
    own = {module.name.partition(".")[0]}
    assert module.packages & DOMAINS <= own & DOMAINS or module.name in COMPOSING


def test_a_module_that_brings_domains_together_is_imported_by_none() -> None:
    imported = {dotted for module in modules().values() for dotted in module.imported.values()}
    for name in COMPOSING:
        assert not {dotted for dotted in imported if dotted == name or dotted.startswith(f"{name}.")}


@BY_NAME
def test_no_logic_imports_a_handler(module: Module) -> None:
    assert not {dotted for dotted in module.imported.values() if dotted.rpartition(".")[0] in HANDLERS}
    assert not {dotted for dotted in module.imported.values() if dotted in HANDLERS}


def test_no_package_hides_one_of_the_standard_library() -> None:
    packages = {path.name for root in (FUNCTIONS, KERNEL) for path in root.iterdir() if path.is_dir()}
    assert not packages & sys.stdlib_module_names


@BY_NAME
def test_the_environment_is_read_through_settings_only(module: Module) -> None:
    if module.name in ("sitewatch.settings", "sitewatch.tables"):  # the latter asks Lambda for its region
        return
    assert "os" not in module.packages


@BY_NAME
def test_the_time_is_read_from_the_one_clock(module: Module) -> None:
    if module.name == "sitewatch.clock":
        return
    naive = {"now", "utcnow", "today"}
    calls = [node.attr for node in ast.walk(module.tree) if isinstance(node, ast.Attribute) and node.attr in naive]
    clocks = [node for node in ast.walk(module.tree) if isinstance(node, ast.Attribute) and _is_clock(node)]
    assert len(calls) == len(clocks)


def _is_clock(node: ast.Attribute) -> bool:
    return isinstance(node.value, ast.Name) and node.value.id == "clock" and node.attr == "now"


@pytest.mark.parametrize("folder", FORBIDDEN_IMPORTS)
def test_tools_and_tests_import_in_one_direction(folder: str) -> None:
    wrong = [
        f"{module.name} imports {dotted}"
        for module in modules_under(ROOT / folder)
        for dotted in module.imported.values()
        if f"{dotted}.".startswith(tuple(f"{name}." for name in FORBIDDEN_IMPORTS[folder]))
    ]
    assert wrong == []


@pytest.mark.parametrize("folder", ["lint", "tests"])
def test_no_tool_and_no_test_edits_the_search_path(folder: str) -> None:
    edit = re.compile(r"sys\.path(\[|\.(append|insert|extend))")
    edits = [each.name for each in modules_under(ROOT / folder) if edit.search(each.path.read_text("utf-8"))]
    assert edits == []
