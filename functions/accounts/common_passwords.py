"""The passwords that attackers try first, which production refuses.

``common_passwords.txt`` has those of Django's list with at least 8 characters, in lowercase; its first lines have the
license. docs/decisions/0012-guessing.md says how it is made.
"""

from functools import cache
from pathlib import Path

from sitewatch.names import normalize

_FILE = Path(__file__).with_name("common_passwords.txt")


def is_common(password: str) -> bool:
    """Whether ``password`` is on the list, whatever its letter case."""
    return normalize(password).lower() in _listed()


@cache
def _listed() -> frozenset[str]:
    """The list, read only by functions that take a new password, at their first one."""
    return frozenset(line for line in _FILE.read_text(encoding="utf-8").splitlines() if not line.startswith("# "))
