"""Check the templates and the functions against this project's rules. `make lint` also runs cfn-lint's own rules."""

import sys
from pathlib import Path

from cfnlint.api import lint
from cfnlint.config import ManualArgs
from cfnlint.rules import RulesCollection

from lint import queries

ROOT = Path(__file__).parent.parent
OURS = Path(__file__).parent / "rules"
TEMPLATES = ("template.yaml", "monitoring.yaml")
REGION = "us-east-1"


def our_rules() -> RulesCollection:
    """Return the rules in lint/rules."""
    rules = RulesCollection()
    rules.create_from_directory(str(OURS))  # type: ignore[no-untyped-call]
    return rules


def findings(template: str, rules: RulesCollection) -> list[str]:
    """Apply SAM's transform and ``rules`` to a template's text. Return one line per finding."""
    matches = lint(template, rules, [REGION], ManualArgs(regions=[REGION]))
    return [f"{match.rule.id} line {match.linenumber}: {match.message}" for match in matches]


def main() -> int:
    """Print the findings. Return 1 if there are any, otherwise 0."""
    rules = our_rules()
    found = [
        f"{name}: {finding}"
        for name in TEMPLATES
        for finding in findings((ROOT / name).read_text(encoding="utf-8"), rules)
    ]
    found += queries.findings(ROOT)
    print("\n".join(found) or "No findings: the templates and the functions follow the rules in lint/.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
