"""Record the months that have events; ``months`` reads them."""

from pynamodb.transactions import TransactWrite

from events.model import MonthsRecord
from events.months import ALL
from sitewatch.delivery import chunks
from sitewatch.transactions import commit

_MAX_TRANSACTION = 100
_MAX_REGISTERED = 10_000
"""Devices choose the types, so this function's memory must not grow with their number."""
_registered: set[tuple[str, str]] = set()


def register(month: str, event_types: set[str]) -> None:
    """Record that ``month`` may have events of these types. Call it before storing them, so that a list misses none.

    However many are new, it takes one transaction for each hundred.
    """
    wanted = {(record_id, month) for record_id in (ALL, *(f"{ALL}#{event_type}" for event_type in event_types))}
    for new in chunks(sorted(wanted - _registered), max_entries=_MAX_TRANSACTION):

        def fill(transaction: TransactWrite, new: list[tuple[str, str]] = new) -> None:
            for record_id, _ in new:
                transaction.update(MonthsRecord(record_id), actions=[MonthsRecord.months.add({month})])

        commit(fill)  # a month that is added again changes nothing
        if len(_registered) + len(new) > _MAX_REGISTERED:
            _registered.clear()
        _registered.update(new)
