"""A deferred package imports what its new `__init__` names, and the rest when one of its names is first used."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from layers.dependencies import defer

_PACKAGE = "deferred_sample"
_SOURCES = {
    "__init__": f"from {_PACKAGE} import three\nfrom .one import First\nfrom .two import Second\n"
    "__all__ = ['First', 'Second', 'three']\n",
    "one": "First = 'first'",
    "two": "Second = 'second'",
    "three": "",
}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A package of three modules, of which all but one are deferred."""
    folder = tmp_path / _PACKAGE
    folder.mkdir()
    for name, source in _SOURCES.items():
        (folder / f"{name}.py").write_text(source)
    monkeypatch.setattr(defer, "PACKAGES", {_PACKAGE: "from {package}.one import First"})
    monkeypatch.syspath_prepend(tmp_path)
    defer.defer(tmp_path)
    yield importlib.import_module(_PACKAGE)
    for name in [name for name in sys.modules if name.partition(".")[0] == _PACKAGE]:
        del sys.modules[name]


def _loaded() -> set[str]:
    return {name.partition(".")[2] for name in sys.modules if name.startswith(f"{_PACKAGE}.")}


def test_the_rest_is_imported_when_one_of_its_names_is_first_used(package: ModuleType) -> None:
    assert package.First == "first"
    assert _loaded() == {"one"}
    assert package.Second == "second"
    assert _loaded() == {"_all", "one", "two", "three"}


def test_an_unknown_name_is_an_attribute_error(package: ModuleType) -> None:
    with pytest.raises(AttributeError, match=f"module '{_PACKAGE}.*' has no attribute 'Third'"):
        _ = package.Third


def test_an_asterisk_imports_all_names(package: ModuleType) -> None:
    names: dict[str, object] = {}
    exec(f"from {_PACKAGE} import *", names)  # noqa: S102 - the only place for such an import
    assert names["First"] == "first"
    assert names["Second"] == "second"
    assert names["three"] is importlib.import_module(f"{_PACKAGE}.three")


def test_a_package_that_moved_fails_the_build(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        defer.defer(tmp_path)
