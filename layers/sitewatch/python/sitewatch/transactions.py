"""Read several items in one call, write several in one transaction, and retry when it conflicts with another one."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pynamodb.exceptions import TransactWriteError
from pynamodb.models import Model
from pynamodb.transactions import TransactWrite

from sitewatch import tables
from sitewatch.errors import TOO_MANY_REQUESTS, ApiError
from sitewatch.retrying import attempts

Fill = Callable[[TransactWrite], None]
"""Adds writes to a transaction."""

_RETRY_SECONDS = 6.0

# A conflict with another transaction, a condition on an item that another writer changed, or a table under load.
_TEMPORARY_REASONS = frozenset(
    {
        "None",
        "TransactionConflict",
        "ConditionalCheckFailed",
        "ThrottlingError",
        "ProvisionedThroughputExceeded",
    }
)
_TEMPORARY_ERRORS = frozenset(
    {
        "ThrottlingException",
        "ProvisionedThroughputExceededException",
        "TransactionInProgressException",
        "RequestLimitExceeded",
        "InternalServerError",
    }
)


class ReadingFailed(RuntimeError):
    """DynamoDB left some keys of a batch unprocessed at every attempt."""


def read(model: type[Model], hash_keys: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The items with these keys (up to 100) as they are stored now, by key, of a table without sort keys.

    It is one call, unless DynamoDB does not process all of it.

    Raises
    ------
    ReadingFailed
        If it never does.

    """
    table, [name] = model.Meta.table_name, [one.attr_name for one in model.get_attributes().values() if one.is_hash_key]
    wanted: Sequence[Mapping[str, Any]] = [{name: {"S": key}} for key in hash_keys]
    found: dict[str, dict[str, Any]] = {}
    for _ in attempts():
        response = tables.CLIENT.batch_get_item(RequestItems={table: {"Keys": wanted, "ConsistentRead": True}})
        found |= {item[name]["S"]: item for item in response["Responses"].get(table, [])}
        if not response.get("UnprocessedKeys"):
            return found
        wanted = response["UnprocessedKeys"][table]["Keys"]
    raise ReadingFailed(table)


def write(fill: Fill) -> None:
    """Write what ``fill`` adds to the transaction, all or nothing, in one attempt.

    Raises
    ------
    TransactWriteError
        If the transaction is refused. Its reasons are in this order, whatever that of ``fill``: condition checks,
        deletions, saved items, updates.

    """
    with TransactWrite(connection=tables.connection()) as transaction:
        fill(transaction)


def commit(fill: Fill, *, retry_seconds: float = _RETRY_SECONDS) -> bool:
    """Write what ``fill`` adds to the transaction, all or nothing, and retry conflicts.

    ``fill`` needs a condition that fails once the transaction is written: if the response to the first attempt is
    lost, the retry then writes nothing twice.

    Returns
    -------
    bool
        Whether it was written: false if a condition does not hold.

    Raises
    ------
    ApiError
        429 if it still conflicts with others, or the tables are under load, after ``retry_seconds``. Nothing is
        stored in this case.
    TransactWriteError
        For errors that a retry cannot solve.

    """
    last_error: TransactWriteError | None = None
    for _ in attempts(None, within_seconds=retry_seconds):
        try:
            write(fill)
            return True
        except TransactWriteError as error:
            if any(reason and reason.code == "ConditionalCheckFailed" for reason in error.cancellation_reasons):
                return False
            if not is_temporary(error):
                raise
            last_error = error
    raise ApiError(TOO_MANY_REQUESTS, "too many writes to the same place; nothing was stored") from last_error


def is_temporary(error: TransactWriteError) -> bool:
    """Whether the refused transaction may succeed once its items are read and written again."""
    reasons = {reason.code for reason in error.cancellation_reasons if reason}
    if reasons:
        return reasons <= _TEMPORARY_REASONS
    if not getattr(error.cause, "response", None):
        return True  # No response: if it was written after all, the retry fails on a condition.
    return error.cause_response_code in _TEMPORARY_ERRORS


def rewrite(prepare: Callable[[], Fill | None], *, retry_seconds: float = _RETRY_SECONDS) -> None:
    """Read, then write all or nothing; read again if others have changed what was read.

    ``prepare`` reads, and returns what to write on the condition that it has not changed; ``None`` if there is nothing
    to do. It raises to refuse. One write, the entry in the audit log, asks for the item that its condition finds:
    if there is one, an earlier attempt has written everything, and its response was lost.

    Raises
    ------
    ApiError
        429 if others keep changing it for ``retry_seconds``. Nothing is stored in this case.
    TransactWriteError
        For errors that a retry cannot solve.

    """
    last_error: TransactWriteError | None = None
    for _ in attempts(None, within_seconds=retry_seconds):
        fill = prepare()
        if fill is None:
            return
        try:
            write(fill)
            return
        except TransactWriteError as error:
            if any(reason and reason.raw_item for reason in error.cancellation_reasons):
                return
            if not is_temporary(error):
                raise
            last_error = error
    raise ApiError(TOO_MANY_REQUESTS, "others keep changing the same thing; nothing was stored") from last_error
