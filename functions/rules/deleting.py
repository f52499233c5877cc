"""Delete rules: the entry in the audit log, and the deadline of the rule's incidents, are in the same transaction."""

from datetime import timedelta

from pynamodb.transactions import TransactWrite

from rules.finding import exists, find, summary
from rules.model import RuleRecord
from rules.storing import count
from sitewatch import audit, clock, transactions
from sitewatch.audit import Action
from sitewatch.callers import Origin
from sitewatch.deadlines import DeadlineRecord, deleted_rule_id, set_timers
from sitewatch.versions import require_match

STALE = timedelta(seconds=10)
"""How long a change takes to have an effect everywhere, at most."""


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
        # Until then, a function may still know the rule and open another incident.
        closing = DeadlineRecord(deleted_rule_id(rule_id), due=clock.now() + STALE)
        entry.detail = {"name": rule.definition["name"], "version": int(rule.version)}

        def fill(transaction: TransactWrite) -> None:
            transaction.delete(rule, condition=RuleRecord.version == rule.version)
            transaction.save(closing)
            count(transaction, before, -1)
            audit.add(entry, transaction)

        return fill

    transactions.rewrite(prepare)
    now = clock.now()
    set_timers([(now, deleted_rule_id(rule_id)), (now + STALE, deleted_rule_id(rule_id))], now)
