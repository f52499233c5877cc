"""Revoke the API tokens of machines."""

from pynamodb.transactions import TransactWrite

from sitewatch import audit, transactions
from sitewatch.api_tokens import KIND, ApiTokenRecord
from sitewatch.audit import Action
from sitewatch.callers import Origin


def revoke(token_id: str, origin: Origin) -> bool:
    """Revoke a token. Return whether there was one."""
    entry = audit.entry(origin, Action.API_TOKEN_REVOKED, token_id)

    def fill(transaction: TransactWrite) -> None:
        transaction.delete(ApiTokenRecord(KIND, token_id), condition=ApiTokenRecord.id.exists())
        audit.add(entry, transaction)

    return transactions.commit(fill)


def revoke_all_of(user_id: str, origin: Origin) -> None:
    """Revoke every token that the user made."""
    # bounded: by the tokens that administrators have made, of which there are a few
    for token in ApiTokenRecord.query(KIND, filter_condition=ApiTokenRecord.created_by == user_id):
        revoke(token.id, origin)
