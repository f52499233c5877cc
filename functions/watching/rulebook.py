"""The rules as they are now, compiled once per version."""

from collections.abc import Mapping, Sequence

from rules import finding
from rules.definition import NewRule
from rules.evaluation import CompiledRule
from rules.model import RuleRecord
from rules.signals import Kind, Signal
from sitewatch.caching import ExpiringCache

_CHECK_SECONDS = 5.0
"""How long a change of a rule may take to have an effect, at most."""


class Rulebook:
    """The rules at one revision."""

    def __init__(self, revision: int, rules: Sequence[CompiledRule]) -> None:
        self.revision = revision
        self.by_id: Mapping[str, CompiledRule] = {rule.id: rule for rule in rules}
        self._by_kind = {kind: [rule for rule in rules if rule.definition.on is kind] for kind in Kind}

    def concerning(self, signal: Signal) -> list[CompiledRule]:
        """The rules that the signal may change a state of."""
        return [rule for rule in self._by_kind[signal.kind] if rule.concerns(signal)]


_current: ExpiringCache[Rulebook] = ExpiringCache(_CHECK_SECONDS)
_last = Rulebook(-1, [])


def current(*, fresh: bool = False) -> Rulebook:
    """The rules as they were at most 5 seconds ago; with ``fresh`` as they are now.

    If nothing has changed, checking costs one small read.
    """
    return _current.get("", _read, fresh=fresh)


def _read() -> Rulebook:
    global _last  # noqa: PLW0603 - what has not changed is not compiled again
    revision = int(finding.summary().revision)
    if revision != _last.revision:
        known = {(rule.id, rule.version): rule for rule in _last.by_id.values()}
        records = finding.oldest_first(None, finding.MAX_RULES)
        _last = Rulebook(revision, [known.get((one.id, int(one.version))) or compiled(one) for one in records])
    return _last


def compiled(record: RuleRecord) -> CompiledRule:
    """The compiled form of a stored rule."""
    return CompiledRule(record.id, int(record.version), NewRule.model_validate(record.definition))


def forget() -> None:
    """Read the rules again the next time."""
    global _last  # noqa: PLW0603
    _current.clear()
    _last = Rulebook(-1, [])
