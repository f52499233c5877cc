"""Write several items in one transaction, again where it lost against another one."""

import time
from collections.abc import Callable

from pynamodb.exceptions import TransactWriteError
from pynamodb.transactions import TransactWrite

from sitewatch import tables
from sitewatch.delivery import pause_before
from sitewatch.errors import TOO_MANY_REQUESTS, ApiError

_PATIENCE_SECONDS = 6.0


def commit(fill: Callable[[TransactWrite], None], *, patience_seconds: float = _PATIENCE_SECONDS) -> bool:
    """Write what ``fill`` puts into the transaction, all or nothing, as often as it takes.

    Nothing is written twice: where an answer was lost, the transaction that ``fill`` describes has
    to fail on a condition when it comes again.

    Returns
    -------
    bool
        Whether it was written; false where a condition does not hold.

    Raises
    ------
    ApiError
        429 where it still loses against others, or the tables are under load, after
        ``patience_seconds``. Nothing is written then.
    TransactWriteError
        For everything that trying again would not help.

    """
    deadline = time.monotonic() + patience_seconds
    attempt = 0
    while True:
        attempt += 1
        try:
            with TransactWrite(connection=tables.connection()) as transaction:
                fill(transaction)
            return True
        except TransactWriteError as error:
            if any(reason and reason.code == "ConditionalCheckFailed" for reason in error.cancellation_reasons):
                return False
            if not tables.may_pass(error):
                raise
            pause = pause_before(attempt)
            if time.monotonic() + pause > deadline:
                raise ApiError(TOO_MANY_REQUESTS, "too many writes to the same place; nothing was stored") from error
            time.sleep(pause)
