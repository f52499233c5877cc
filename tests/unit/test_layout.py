"""The code's layout: short handlers, independent domains, and a kernel that imports no domain."""

import ast
import re
import sys

import pytest

from tests.world.code import DOMAINS, FUNCTIONS, KERNEL, Module, imports_of, modules, modules_under
from tests.world.template import ROOT, resources

MAX_LINES = 60
FUNCTION_PROPERTIES = resources("AWS::Serverless::Function").values()
HANDLERS = sorted({properties["Handler"].rpartition(".")[0] for properties in FUNCTION_PROPERTIES})
COMPOSING = {
    "jobs": "a queue has one consumer, which dispatches to every kind of job",
    "watching": "signals of every domain become incidents by rules",
}
"""Packages that may import several domains, with the reason. No other module may import them."""
WRITING = {
    f"sitewatch.{name}"
    for name in ("attempts", "delivery", "idempotency", "job_worker", "queues", "retrying", "transactions")
}
"""The kernel's modules for requests that write."""
FORBIDDEN_IMPORTS = {
    "runner": ("lint", "tests"),
    "lint": ("tests",),
    "tests/world": ("lint", "tests.browser", "tests.integration", "tests.load", "tests.unit"),
    "tests/load": ("lint", "tests.unit", "tests.conftest"),
    "tests/integration": ("tests.browser", "tests.load", "tests.unit", "tests.conftest"),
    "tests/browser": ("tests.load", "tests.unit", "tests.conftest"),
    "tests/unit": ("tests.browser", "tests.integration", "tests.unit", "tests.conftest"),
}
"""The modules that each folder's tools and tests must not import."""
BY_NAME = pytest.mark.parametrize("module", modules().values(), ids=lambda module: module.name)


@pytest.fixture(autouse=True)
def world() -> None:
    """No table is needed here."""


def test_the_domains_and_the_kernel_are_found() -> None:
    assert {"accounts", "alerts", "detections", "portal"} <= DOMAINS
    assert {"sitewatch.api", "accounts.model"} <= set(modules())


@pytest.mark.parametrize("name", HANDLERS)
def test_a_handler_is_short(name: str) -> None:
    lines = modules()[name].path.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= MAX_LINES


@BY_NAME
def test_no_domain_imports_another_and_the_kernel_imports_none(module: Module) -> None:
    own = module.name.partition(".")[0]
    assert module.packages & DOMAINS <= {own} & DOMAINS or own in COMPOSING


@BY_NAME
def test_no_domain_imports_a_package_that_composes_domains(module: Module) -> None:
    assert module.packages & COMPOSING.keys() <= {module.name.partition(".")[0]}


@pytest.mark.parametrize("name", [name for name in HANDLERS if ".get_" in name])
def test_reading_imports_nothing_of_writing(name: str) -> None:
    assert not imports_of(name) & WRITING


def test_listing_detections_imports_only_what_it_reads_with() -> None:
    of_domain = {name for name in imports_of("detections.get_detections") if name.startswith("detections.")}
    assert of_domain == {f"detections.{name}" for name in ("counts", "listing", "model")}


@BY_NAME
def test_no_logic_imports_a_handler(module: Module) -> None:
    assert not {dotted for dotted in module.imported.values() if dotted.rpartition(".")[0] in HANDLERS}
    assert not {dotted for dotted in module.imported.values() if dotted in HANDLERS}


def test_no_package_shadows_the_standard_library() -> None:
    packages = {path.name for root in (FUNCTIONS, KERNEL) for path in root.iterdir() if path.is_dir()}
    assert not packages & sys.stdlib_module_names


@BY_NAME
def test_the_environment_is_read_only_through_settings(module: Module) -> None:
    # Tables read the region and the logger the function's name, both of which Lambda sets.
    if module.name in ("sitewatch.settings", "sitewatch.tables", "sitewatch.observability"):
        return
    assert "os" not in module.packages


@BY_NAME
def test_the_time_comes_only_from_the_clock_module(module: Module) -> None:
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


MAY_EDIT_THE_SEARCH_PATH = {
    "runner.local.workers": "a worker's parent imports the libraries of the layers",
    "tests.unit.test_runner_workers": "its script prints what the worker's is",
}


@pytest.mark.parametrize("folder", ["lint", "runner", "tests"])
def test_no_tool_and_no_test_edits_the_search_path(folder: str) -> None:
    edit = re.compile(r"sys\.path(\[|\.(append|insert|extend))")
    edits = {each.name for each in modules_under(ROOT / folder) if edit.search(each.path.read_text("utf-8"))}
    assert edits - MAY_EDIT_THE_SEARCH_PATH.keys() == set()
