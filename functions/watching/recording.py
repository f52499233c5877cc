"""Apply signals and deadlines, each exactly once.

A batch is folded in memory: each state of a rule that its signals concern is read once, changes with them in order, and
is written with its incidents in one transaction, or a few if they are many. The transaction's conditions are the
versions of the states. A state has the position in each shard up to which signals are applied, so a batch that is
delivered again continues after it, whatever was written before a crash.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pynamodb.exceptions import TransactWriteError
from pynamodb.transactions import TransactWrite

from incidents.model import NumberRecord, StateRecord, key_of, state_id
from rules.evaluation import CompiledRule
from sitewatch import transactions
from sitewatch.deadlines import TICK, set_timers
from sitewatch.delivery import chunks
from sitewatch.retrying import attempts
from watching import rulebook
from watching.progress import Progress
from watching.signals import Received

MAX_ITEMS = 99
"""Items of states and incidents in a transaction: DynamoDB takes 100, and one may be the last number."""

_MAX_READ = 99
"""States in a read: DynamoDB takes 100 keys, and one is the last number."""

_MAX_WRITES_OF_SIGNAL = 9
"""It may close an incident, open and close another, and open a third."""

_NUMBER = "number"


class RecordingFailed(RuntimeError):
    """The transaction still conflicted with others at the last attempt."""


@dataclass(slots=True)
class Concerned:
    """A state, and the signals that concern it, in order."""

    rule: CompiledRule
    key: str
    signals: list[Received] = field(default_factory=list)


def record(shard: str, received: Iterable[Received]) -> list[Progress]:
    """Apply signals of a shard, except those that an earlier delivery applied. Return the states that changed.

    Signals that concern no rule cost no call.

    Raises
    ------
    RecordingFailed
        If the transactions conflict with others at every attempt; the batch must be delivered again.

    """
    concerned: dict[str, Concerned] = {}
    rules = rulebook.current()
    for each in received:
        for rule in rules.concerning(each.signal):
            key = rule.key(each.signal)
            concerned.setdefault(state_id(rule.id, key), Concerned(rule, key)).signals.append(each)

    def apply(chunk: Sequence[str]) -> list[Progress]:
        writing = _Writing(chunk)
        for each in chunk:
            writing.apply(shard, concerned[each])
        return writing.finish()

    return [each for chunk in chunks(concerned, max_entries=_MAX_READ) for each in _retried(apply, chunk)]


def expire(state_ids: Sequence[str], now: datetime) -> list[Progress]:
    """Apply the deadlines of states up to ``now``. Return the states that changed.

    Raises
    ------
    RecordingFailed
        If the transactions conflict with others at every attempt.

    """
    rules = rulebook.current(fresh=True).by_id

    def apply(chunk: Sequence[str]) -> list[Progress]:
        writing = _Writing(chunk)
        for each in writing.stored:
            rule_id, key = key_of(each)
            progress = writing.begin(rules.get(rule_id), rule_id, key)
            progress.expire(now)
            writing.add(progress)
        return writing.finish()

    return [each for chunk in chunks(state_ids, max_entries=_MAX_READ) for each in _retried(apply, chunk)]


def set_short_timers(changed: Iterable[Progress], now: datetime) -> None:
    """Set timers for new deadlines that may come before the next tick sees them."""
    deadlines = [(one.record.due, one.record.id) for one in changed if one.record.due and one.record.due <= now + TICK]
    if deadlines:
        set_timers(deadlines, now)


def _retried(apply: Callable[[Sequence[str]], list[Progress]], chunk: Sequence[str]) -> list[Progress]:
    for _ in attempts():
        try:
            return apply(chunk)
        except TransactWriteError as error:
            if not transactions.is_temporary(error):
                raise
    raise RecordingFailed


class _Writing:
    """The states of a chunk as they are stored, and those that wait to be written."""

    def __init__(self, chunk: Sequence[str]) -> None:
        items = transactions.read(StateRecord, [*chunk, _NUMBER])
        number = items.pop(_NUMBER, None)
        self.stored = {each: StateRecord.from_raw_data(item) for each, item in items.items()}
        self._last_number = int(number["last"]["N"]) if number else 0
        self._pending: list[Progress] = []
        self._written: list[Progress] = []

    def begin(self, rule: CompiledRule | None, rule_id: str, key: str) -> Progress:
        return Progress(rule, rule_id, key, self.stored.get(state_id(rule_id, key)))

    def apply(self, shard: str, concerned: Concerned) -> None:
        """Apply the signals of a state. One that opens and closes very many incidents is written in parts."""
        progress = self.begin(concerned.rule, concerned.rule.id, concerned.key)
        for each in concerned.signals:
            if progress.has_applied(shard, each.position):
                continue
            progress.apply(concerned.rule, each.signal)
            progress.reached = each.position
            if progress.writes > MAX_ITEMS - _MAX_WRITES_OF_SIGNAL:
                progress.reach(shard)
                self.add(progress)
                self._flush()
                progress = Progress(concerned.rule, concerned.rule.id, concerned.key, progress.record)
        progress.reach(shard)
        self.add(progress)

    def add(self, progress: Progress) -> None:
        """Write it, if it has changed, with the next transaction."""
        if not progress.is_changed:
            return
        if sum(one.writes for one in self._pending) + progress.writes > MAX_ITEMS:
            self._flush()
        self._pending.append(progress)

    def finish(self) -> list[Progress]:
        """Write the rest, and return everything that was written."""
        self._flush()
        return self._written

    def _flush(self) -> None:
        if not self._pending:
            return
        before = self._last_number

        def fill(transaction: TransactWrite) -> None:
            number = before
            for progress in self._pending:
                number = progress.save(transaction, number)
            if number != before:
                unchanged = NumberRecord.last == before if before else NumberRecord.id.does_not_exist()
                transaction.save(NumberRecord(last=number), condition=unchanged)
            self._last_number = number

        transactions.write(fill)
        self._written += self._pending
        self._pending = []
