"""Find rules."""

from pynamodb.pagination import ResultIterator

from rules.model import RULES, RuleRecord, RulesRecord
from sitewatch.errors import NOT_FOUND, ApiError

MAX_RULES = 100
"""Every signal is compared with every rule."""


def find(rule_id: str) -> RuleRecord:
    """The rule with this id.

    Raises
    ------
    ApiError
        404 if there is none.

    """
    found = _by_id(rule_id)
    if found is None:
        raise ApiError(NOT_FOUND)
    return found


def exists(rule_id: str) -> bool:
    """Whether there is a rule with this id."""
    return _by_id(rule_id) is not None


def oldest_first(after: str | None, limit: int) -> ResultIterator[RuleRecord]:
    """Up to ``limit`` rules with ids after ``after`` (``None``: from the first one)."""
    return RuleRecord.query(RULES, RuleRecord.id > after if after else None, limit=limit)


def _by_id(rule_id: str) -> RuleRecord | None:
    return next(RuleRecord.query(RULES, RuleRecord.id == rule_id, consistent_read=True), None)


def summary() -> RulesRecord:
    """How many rules there are, and how often they changed."""
    stored = next(RulesRecord.query("rules", consistent_read=True, limit=1), None)
    return stored or RulesRecord(total=0, revision=0)
