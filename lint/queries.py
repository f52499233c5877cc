"""E9008: queries have a bound. Reads the Python code of the functions, not the templates."""

import ast
from collections.abc import Iterator
from pathlib import Path

RULE = "E9008"
REASON = "# bounded:"
"""Begins the comment, in the line before the call or in one of its own, that says what ends a query without a limit."""
SOURCES = ("functions", "layers/sitewatch/python")


def findings(root: Path) -> list[str]:
    """One line for each query in the project's functions and kernel that may read without end."""
    return [
        f"{file.relative_to(root)}: {finding}"
        for folder in SOURCES
        for file in sorted((root / folder).rglob("*.py"))
        for finding in unbounded(file.read_text(encoding="utf-8"))
    ]


def unbounded(source: str) -> Iterator[str]:
    """Yield a line for each scan, and for each query that neither has a limit nor a reason why it needs none.

    ``next(query)`` has one: it reads a single page. A reason that is not needed is a finding too.
    """
    tree = ast.parse(source)
    lines = source.splitlines()
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    first_only = {id(argument) for call in calls if _name(call) == "next" for argument in call.args[:1]}
    explained = set()
    for call in calls:
        if _name(call) == ".scan":
            yield f"{RULE} line {call.lineno}: a scan reads a whole table"
        if _name(call) != ".query":
            continue
        reasons = [
            number
            for number in range(max(call.lineno - 1, 1), (call.end_lineno or call.lineno) + 1)
            if REASON in lines[number - 1]
        ]
        explained.update(reasons)
        limited = id(call) in first_only or any(keyword.arg == "limit" for keyword in call.keywords)
        if not limited and not reasons:
            yield f"{RULE} line {call.lineno}: a query without limit=, and without a comment `{REASON} …`"
        if limited and reasons:
            yield f"{RULE} line {call.lineno}: the query has a limit, so it needs no comment `{REASON} …`"
    for number, line in enumerate(lines, start=1):
        if REASON in line and number not in explained:
            yield f"{RULE} line {number}: `{REASON} …`, but no query"


def _name(call: ast.Call) -> str:
    """The name of the called function, with a dot in front if it is a method."""
    match call.func:
        case ast.Name(id=name):
            return name
        case ast.Attribute(attr=name):
            return f".{name}"
    return ""
