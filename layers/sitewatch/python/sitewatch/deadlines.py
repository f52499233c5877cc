"""Deadlines: what happens later, and the timers that bring it to its second.

A deadline is stored with what it belongs to, or as an item of its own. Each minute, a tick sets a timer for what is due
by the next one; a message of the timers queue, delayed to the second. It is a hint only: whoever takes it reads what is
stored, so a late or a repeated one does nothing, and a lost one is sent again by the next tick.
"""

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import groupby
from math import ceil
from typing import Any

from pynamodb.attributes import UnicodeAttribute
from pynamodb.exceptions import DeleteError

from sitewatch import settings
from sitewatch.delivery import chunks
from sitewatch.due import DUE
from sitewatch.queues import send_messages
from sitewatch.tables import Model, TableMeta, TimeAttribute

TICK = timedelta(minutes=1)
"""How often what is due is looked for."""

_IDS_PER_MESSAGE = 30

Deadline = tuple[datetime, str]
"""When, and the id of what is due then."""


class DeadlineRecord(Model):
    """A deadline with an item of its own: the end of a snooze, or the change of a rule."""

    class Meta(TableMeta):
        table_name = settings.text("INCIDENT_STATES_TABLE")

    id = UnicodeAttribute(hash_key=True)
    due_partition = UnicodeAttribute(default=DUE)
    due: Any = TimeAttribute()


def snooze_id(incident_id: str) -> str:
    """The id of the end of a snooze."""
    return f"snooze#{incident_id}"


def changed_rule_id(rule_id: str) -> str:
    """The id of the time when the incidents of a changed or deleted rule follow it."""
    return f"rule#{rule_id}"


def set_timers(deadlines: Iterable[Deadline], now: datetime) -> None:
    """Send messages for the deadlines, which are at most 15 minutes ahead: one for those of a second.

    Raises
    ------
    DeliveryFailed
        If the queue still refuses some of them after every retry.

    """
    seconds = sorted((max(0, ceil((at - now).total_seconds())), item_id) for at, item_id in deadlines)
    messages = [
        (delay, ids)
        for delay, group in groupby(seconds, key=lambda one: one[0])
        for ids in chunks([item_id for _, item_id in group], max_entries=_IDS_PER_MESSAGE)
    ]
    send_messages(
        settings.text("TIMERS_QUEUE_URL"),
        [
            {"Id": str(number), "DelaySeconds": delay, "MessageBody": json.dumps({"ids": ids})}
            for number, (delay, ids) in enumerate(messages)
        ],
    )


def finish(item_id: str, now: datetime) -> None:
    """Delete a deadline with an item of its own, unless it has been put off until after ``now``."""
    try:
        DeadlineRecord(item_id).delete(condition=DeadlineRecord.due <= now)
    except DeleteError as error:
        if error.cause_response_code != "ConditionalCheckFailedException":
            raise
