"""The Makefile's command line: `python -m runner --help`.

The functions' own code is deployed, not installed. Importing this package makes it importable too, so that commands
check and send data exactly as the functions do. It comes before the project's root, where `events` is a folder of
sample events and not the package.
"""

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

_ROOT = Path(__file__).parent.parent
_SOURCES = [str(_ROOT / "functions"), str(_ROOT / "layers" / "sitewatch" / "python")]


class _FunctionsFinder:
    """Finds the packages of `functions/` and of the shared layer."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        return PathFinder.find_spec(name, _SOURCES, target) if path is None else None


sys.meta_path.insert(0, _FunctionsFinder)
