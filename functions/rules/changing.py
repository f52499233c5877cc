"""Change and delete rules, each with its entry in the audit log, and a deadline for its incidents, in one transaction.

The incidents of a deleted rule close, and those of a changed one get its new deadlines.
"""

from datetime import timedelta

from pynamodb.transactions import TransactWrite

from rules.definition import NewRule
from rules.finding import exists, find, summary
from rules.model import RuleRecord
from rules.storing import count
from sitewatch import audit, clock, transactions
from sitewatch.audit import Action
from sitewatch.callers import Origin
from sitewatch.deadlines import DeadlineRecord, changed_rule_id, set_timers
from sitewatch.versions import require_match

STALE = timedelta(seconds=10)
"""How long a change takes to have an effect everywhere, at most."""


def change(rule_id: str, new: NewRule, if_match: str | None, origin: Origin) -> RuleRecord:
    """Replace the rule if its version matches ``If-Match``, and return it, one version on.

    Raises
    ------
    ApiError
        404 if there is no such rule, 412 if it does not match, 429 if others keep changing it at the same time.

    """
    changed: list[RuleRecord] = []
    entry = audit.entry(origin, Action.RULE_CHANGED, rule_id)

    def prepare() -> transactions.Fill | None:
        rule = find(rule_id)
        if changed and rule.version == changed[0].version and rule.definition == changed[0].definition:
            return None  # by an earlier attempt, whose response was lost
        require_match(rule.version, if_match)
        before, unchanged = summary(), RuleRecord.version == rule.version
        rule.version, rule.definition, rule.updated_at = rule.version + 1, new.to_json(), clock.now()
        changed[:] = [rule]
        entry.detail = {"name": new.name, "version": int(rule.version)}

        def fill(transaction: TransactWrite) -> None:
            transaction.save(rule, condition=unchanged)
            transaction.save(_deadline(rule_id))
            count(transaction, before, 0)
            audit.add(entry, transaction)

        return fill

    transactions.rewrite(prepare)
    _set_timers(rule_id)
    return changed[0]


def delete(rule_id: str, if_match: str | None, origin: Origin) -> None:
    """Delete the rule if its version matches ``If-Match``, and close its incidents. Raises the errors of ``change``."""
    entry = audit.entry(origin, Action.RULE_DELETED, rule_id)
    attempted = False

    def prepare() -> transactions.Fill | None:
        nonlocal attempted
        if attempted and not exists(rule_id):
            return None  # by an earlier attempt, or by somebody else
        rule = find(rule_id)
        require_match(rule.version, if_match)
        attempted = True
        before = summary()
        entry.detail = {"name": rule.definition["name"], "version": int(rule.version)}

        def fill(transaction: TransactWrite) -> None:
            transaction.delete(rule, condition=RuleRecord.version == rule.version)
            transaction.save(_deadline(rule_id))
            count(transaction, before, -1)
            audit.add(entry, transaction)

        return fill

    transactions.rewrite(prepare)
    _set_timers(rule_id)


def _deadline(rule_id: str) -> DeadlineRecord:
    """When the incidents of the rule follow its change. Until then, a function may still know it as it was."""
    return DeadlineRecord(changed_rule_id(rule_id), due=clock.now() + STALE)


def _set_timers(rule_id: str) -> None:
    now, item_id = clock.now(), changed_rule_id(rule_id)
    set_timers([(now, item_id), (now + STALE, item_id)], now)
