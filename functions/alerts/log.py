"""The log of alerts: append each detection once, read what is behind a number."""

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import islice

from pynamodb.exceptions import TransactWriteError
from pynamodb.transactions import TransactWrite

from alerts.model import (
    ALERTS_PER_PARTITION,
    AlertRecord,
    LogHead,
    RecordedDetection,
    partition,
    recorded_key,
)
from sitewatch import clock, tables
from sitewatch.delivery import chunks, pause_before

# 100 items in a transaction: two for each alert, and the head.
MOST_ALERTS = 49

# Two write to the one head, so a try is lost half of the time where much is waiting; a batch that gives up comes again
# minutes later. Below the function's timeout, the pauses (half a second on average) included.
ATTEMPTS = 20

# The longest that SQS keeps a message is 14 days, and a dead-letter queue as long again.
_MARK_LIFETIME = timedelta(days=60)


class AppendFailed(RuntimeError):
    """Other writers kept on moving the head of the log after every retry."""


def append(alerts: Mapping[str, str]) -> int:
    """Append those of ``alerts`` (detection id to its JSON) that the log does not have; give their number.

    Raises
    ------
    AppendFailed
        Where the transaction lost against other writers at every attempt.

    """
    return sum(_append(dict(chunk)) for chunk in chunks(list(alerts.items()), most=MOST_ALERTS))


def _append(alerts: Mapping[str, str]) -> int:
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(pause_before(attempt))
        fresh = _not_recorded(alerts)
        if not fresh:
            return 0
        try:
            _commit(fresh, after=head())
            return len(fresh)
        except TransactWriteError as error:
            if not tables.may_pass(error):
                raise
    raise AppendFailed


def _not_recorded(alerts: Mapping[str, str]) -> list[tuple[str, str]]:
    keys = {recorded_key(detection_id): detection_id for detection_id in alerts}
    marks = RecordedDetection.batch_get([(key, 0) for key in keys], consistent_read=True)
    recorded = {keys[mark.key] for mark in marks}
    return [(detection_id, detection) for detection_id, detection in alerts.items() if detection_id not in recorded]


def _commit(alerts: Sequence[tuple[str, str]], *, after: int) -> None:
    unmoved = LogHead.reached == after if after else LogHead.reached.does_not_exist()
    expires_at = clock.now() + _MARK_LIFETIME
    with TransactWrite(connection=tables.connection()) as transaction:
        transaction.save(LogHead(reached=after + len(alerts)), condition=unmoved)
        for number, (detection_id, detection) in enumerate(alerts, start=after + 1):
            transaction.save(AlertRecord(partition(number), number, detection=detection))
            transaction.save(
                RecordedDetection(recorded_key(detection_id), expires_at=expires_at),
                condition=RecordedDetection.key.does_not_exist(),
            )


def head() -> int:
    """The number of the last alert; 0 for an empty log."""
    stored = next(LogHead.query("head", consistent_read=True), None)
    return int(stored.reached) if stored else 0


def behind(number: int, *, until: int, limit: int) -> list[AlertRecord]:
    """Up to ``limit`` alerts after ``number`` and up to ``until``, oldest first."""
    return list(islice(_behind(number, until), limit))


def _behind(number: int, until: int) -> Iterator[AlertRecord]:
    first = number + 1
    while first <= until:
        last = min((first // ALERTS_PER_PARTITION + 1) * ALERTS_PER_PARTITION - 1, until)
        yield from AlertRecord.query(partition(first), AlertRecord.number.between(first, last), consistent_read=True)
        first = last + 1
