"""List incidents newest first, at the same cost for every page."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import and_
from typing import Any

from pynamodb.expressions.condition import Condition
from pynamodb.pagination import ResultIterator

from incidents.model import IncidentRecord, IncidentState
from sitewatch import partitions, timeline
from sitewatch.partitions import Piece
from sitewatch.timeline import Timeline


@dataclass(frozen=True, slots=True)
class Filters:
    """Which incidents to list. Without ``states`` those in every state."""

    states: tuple[IncidentState, ...] = ()
    rule: str | None = None
    source: str | None = None
    assignee: str | None = None
    severity: str | None = None


class _Incidents(Timeline):
    """The incidents with some values, newest first. An index has a partition for each state."""

    newest_first = True
    counted_to = timeline.MONTH

    def __init__(self, filters: Filters) -> None:
        self._states = filters.states or tuple(IncidentState)
        self.shards = len(self._states)
        self._index: Any = IncidentRecord.by_time
        self._value = ""
        others: list[Condition] = []
        for index, value, condition in (
            (IncidentRecord.by_source, filters.source, IncidentRecord.source == filters.source),
            (IncidentRecord.by_rule, filters.rule, IncidentRecord.rule_id == filters.rule),
            (IncidentRecord.by_assignee, filters.assignee, IncidentRecord.assignee == filters.assignee),
        ):
            if value is None:
                continue
            if self._value:
                others.append(condition)
            else:
                self._index, self._value = index, f"#{value}"
        if filters.severity is not None:
            others.append(IncidentRecord.severity == filters.severity)
        self._filter = reduce(and_, others) if others else None
        self.is_filtered = bool(others)

    def counts(self, period: str) -> Mapping[str, int]:
        raise NotImplementedError  # nobody skips incidents

    def read(self, lowest: str, highest: str, limit: int, *, positions_only: bool) -> Piece:  # noqa: ARG002
        def query(shard: int) -> ResultIterator[Any]:
            # bounded: one page is read
            found: ResultIterator[Any] = self._index.query(
                f"{self._states[shard]}{self._value}",
                IncidentRecord.position.between(lowest, highest),
                self._filter,
                scan_index_forward=False,
                page_size=limit,
            )
            return found

        return partitions.read(query, self.shards, "position", newest_first=True)


def page(
    filters: Filters, since: datetime | None, until: datetime | None, *, before: str | None, limit: int
) -> tuple[list[IncidentRecord], str | None]:
    """Up to ``limit`` incidents that opened between two times (inclusive), newest first, and where to continue.

    Parameters
    ----------
    before
        The position to continue after; ``None`` for the first page.

    """
    found, resume = timeline.page(_Incidents(filters), since, until, skip=0, after=before, limit=limit)
    return [IncidentRecord.from_raw_data(item) for item in found], resume.after if resume else None
