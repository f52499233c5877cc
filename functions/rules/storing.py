"""Create rules, each with its entry in the audit log in one transaction."""

from pynamodb.transactions import TransactWrite

from rules.definition import NewRule
from rules.finding import MAX_RULES, summary
from rules.model import RuleRecord, RulesRecord
from sitewatch import audit, clock, ids, transactions
from sitewatch.audit import Action
from sitewatch.callers import Origin
from sitewatch.errors import CONFLICT, ApiError


def create(new: NewRule, origin: Origin, *, rule_id: str | None = None) -> RuleRecord:
    """Store a rule, with a new id unless it is given, and return it. A rule that has the given id stays as it is.

    Raises
    ------
    ApiError
        409 if there are ``MAX_RULES``, 429 if others keep changing rules at the same time.

    """
    now = clock.now()
    rule = RuleRecord(id=rule_id or ids.new_id(), version=1, definition=new.to_json(), created_at=now, updated_at=now)
    # The entry's id derives from the rule's: if a retry finds it, the first attempt has stored both.
    entry = audit.entry(origin, Action.RULE_CREATED, rule.id, once=rule.id, name=new.name)

    def prepare() -> transactions.Fill:
        before = summary()
        if before.total >= MAX_RULES:
            raise ApiError(CONFLICT, f"there are {MAX_RULES} rules already")

        def fill(transaction: TransactWrite) -> None:
            transaction.save(rule, condition=RuleRecord.id.does_not_exist())
            count(transaction, before, 1)
            audit.add(entry, transaction)

        return fill

    transactions.rewrite(prepare)
    return rule


def count(transaction: TransactWrite, before: RulesRecord, difference: int) -> None:
    """Add the change of the number of rules to the transaction of another change, on the condition that it is alone."""
    unchanged = RulesRecord.revision == before.revision if before.revision else RulesRecord.revision.does_not_exist()
    after = RulesRecord(total=before.total + difference, revision=before.revision + 1)
    transaction.save(after, condition=unchanged)
