"""A package of a layer imports what it re-exports when it is first asked for."""

import importlib
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType

import pytest

from layers.dependencies.defer import deferred

_PACKAGE = "deferred_sample"
Imported = Callable[[str, Mapping[str, str]], ModuleType]


@pytest.fixture
def imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Imported]:
    """Import a package whose `__init__` is deferred, and whose submodules have these sources."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(source: str, submodules: Mapping[str, str]) -> ModuleType:
        package = tmp_path / _PACKAGE
        package.mkdir()
        (package / "__init__.py").write_text(deferred(_PACKAGE, source))
        for name, text in submodules.items():
            (package / f"{name}.py").write_text(text)
        return importlib.import_module(_PACKAGE)

    yield write
    for name in [name for name in sys.modules if name.partition(".")[0] == _PACKAGE]:
        del sys.modules[name]


def _loaded() -> set[str]:
    return {name.partition(".")[2] for name in sys.modules if name.startswith(f"{_PACKAGE}.")}


@pytest.mark.parametrize(
    "statement",
    [
        "from .one import First",
        f"from {_PACKAGE}.one import First",
        "from .one import Other as First",
        "from . import one as First",
        f"from {_PACKAGE} import one as First",
    ],
)
def test_a_module_is_imported_when_a_name_of_it_is_asked_for(imported: Imported, statement: str) -> None:
    package = imported(
        f"{statement}\nfrom .two import Second\n", {"one": "First = Other = 'first'", "two": "Second = 'second'"}
    )
    assert _loaded() == set()
    one = importlib.import_module(f"{_PACKAGE}.one") if "import one" in statement else None
    assert package.First == (one or "first")
    assert _loaded() == {"one"}
    assert vars(package)["First"] is package.First


def test_a_name_that_the_package_lacks_is_an_attribute_error(imported: Imported) -> None:
    package = imported("from .one import First\n", {"one": "First = 1"})
    with pytest.raises(AttributeError, match=f"module '{_PACKAGE}' has no attribute 'Third'"):
        _ = package.Third
    assert not hasattr(package, "__path_of_nothing__")


def test_what_the_package_works_with_itself_is_imported_at_once(imported: Imported) -> None:
    package = imported(
        '"""Said of it."""\nfrom __future__ import annotations\nfrom .one import First, Rest\nALIAS = First.upper()\n',
        {"one": "First = 'first'\nRest = 'rest'"},
    )
    assert (package.ALIAS, package.Rest, package.__doc__) == ("FIRST", "rest", "Said of it.")
    assert "Rest" in vars(package)


def test_a_function_keeps_its_name_from_the_submodule_that_is_called_like_it(imported: Imported) -> None:
    package = imported(
        "from .one import one\nfrom .two import Second\n", {"one": "def one(): return 1", "two": "Second = 2"}
    )
    importlib.import_module(f"{_PACKAGE}.one")
    assert package.one() == 1


def test_all_names_come_with_an_asterisk(imported: Imported) -> None:
    imported("from .one import First\n__all__ = ['First']\n", {"one": "First = 1"})
    names: dict[str, object] = {}
    exec(f"from {_PACKAGE} import *", names)  # noqa: S102 - the only place for such an import
    assert names["First"] == 1


def test_all_of_a_module_is_imported_at_once(imported: Imported) -> None:
    package = imported("from .one import *\n", {"one": "First = 1"})
    assert vars(package)["First"] == 1
