"""What is due soon."""

from collections.abc import Iterator
from datetime import datetime

from incidents.model import StateRecord
from sitewatch import clock
from sitewatch.deadlines import TICK, Deadline
from sitewatch.due import due_by
from sources import silence


def due(now: datetime) -> Iterator[Deadline]:
    """What is due before the next tick, of each kind earliest first: at most 10,000, the others at the next tick."""
    for at, kind, name in silence.due(now + TICK):
        yield at, f"source#{kind}#{name}"
    for item in due_by(StateRecord.by_due, StateRecord.due, now + TICK):
        yield clock.parse(item["due"]["S"]), item["id"]["S"]
