"""Issue API tokens to machines."""

from collections.abc import Collection
from datetime import timedelta

from pynamodb.transactions import TransactWrite

from accounts.issuing import sign
from sitewatch import audit, clock, keys, transactions
from sitewatch.api_tokens import ApiTokenRecord
from sitewatch.audit import Action
from sitewatch.callers import ALL_SCOPES, Caller, Origin, Role, Scope, TokenUse


def issue(
    token_id: str,
    name: str,
    *,
    origin: Origin,
    lifetime: timedelta,
    scopes: Collection[Scope] = ALL_SCOPES,
    source: str | None = None,
) -> tuple[ApiTokenRecord, str]:
    """Issue a token. Return its stored record and the token text, which is not stored."""
    created_at = clock.now().replace(microsecond=0)
    caller = Caller(
        token_id,
        name,
        Role.MACHINE,
        TokenUse.API,
        token_id,
        scopes=frozenset(scopes),
        source=source,
        created_by=origin.actor,
    )
    token = ApiTokenRecord(
        id=token_id,
        name=name,
        created_by=origin.actor,
        key_id=keys.key_id(keys.current_signing_key().public_key()),
        scopes={scope.value for scope in scopes},
        source=source,
        created_at=created_at,
        expires_at=created_at + lifetime,
    )
    entry = audit.entry(origin, Action.API_TOKEN_ISSUED, token_id, scopes=sorted(scopes), source=source)

    def fill(transaction: TransactWrite) -> None:
        transaction.save(token)
        audit.add(entry, transaction)

    transactions.write(fill)
    return token, sign(caller, expires_at=token.expires_at)
