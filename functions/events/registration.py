"""Record the months that have events; ``months`` reads them."""

from collections.abc import Collection

from pynamodb.transactions import TransactWrite

from events.model import MonthsRecord
from events.months import ALL, id_of_source, id_of_type
from sitewatch.delivery import chunks
from sitewatch.transactions import commit

_MAX_TRANSACTION = 100
_MAX_REGISTERED = 10_000
"""Devices choose the types, so this function's memory must not grow with their number."""
_registered: set[tuple[str, str]] = set()


def register(month: str, event_types: set[str], sources: Collection[str] = ()) -> None:
    """Record that ``month`` may have events of these types and sources.

    Call it before storing them, so that a list misses none.

    However many are new, it takes one transaction for each hundred.
    """
    names = {ALL, *map(id_of_type, event_types), *map(id_of_source, sources)}
    wanted = {(name, month) for name in names}
    for new in chunks(sorted(wanted - _registered), max_entries=_MAX_TRANSACTION):

        def fill(transaction: TransactWrite, new: list[tuple[str, str]] = new) -> None:
            for record_id, _ in new:
                transaction.update(MonthsRecord(record_id), actions=[MonthsRecord.months.add({month})])

        commit(fill)  # a month that is added again changes nothing
        if len(_registered) + len(new) > _MAX_REGISTERED:
            _registered.clear()
        _registered.update(new)
