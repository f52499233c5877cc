"""The command line behind the Makefile: `python -m runner --help`.

The functions' own code is deployed, not installed. Importing this package makes it importable too, so that commands
check and send data exactly as the functions do. It comes first: the folder of sample events is no package `events`.
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
