"""Plan when to send sample events: at every second that is a multiple of the interval, each once.

The end of the plan is stored. Each tick extends the plan to more than a minute ahead, so a tick that comes late or
twice (both happen) causes no gap and plans no second twice.
"""

import json
from collections.abc import Sequence
from datetime import datetime

from pynamodb.exceptions import UpdateError

from events.model import SendingPlanRecord
from sitewatch import settings
from sitewatch.queues import send_messages

AHEAD_SECONDS = 90
"""A tick comes every 60 s, so one may be 30 s late."""


def plan(now: datetime, interval_seconds: int) -> list[int]:
    """The seconds (in Unix time) to send at that no tick has planned yet; none if another tick is planning them."""
    this_second = int(now.timestamp())
    stored = next(SendingPlanRecord.query("sending-plan", consistent_read=True), None)
    until = this_second + AHEAD_SECONDS
    after = max(this_second, int(stored.planned_until) if stored else 0)
    unmoved = (
        SendingPlanRecord.planned_until == stored.planned_until
        if stored
        else SendingPlanRecord.planned_until.does_not_exist()
    )
    try:
        SendingPlanRecord().update(actions=[SendingPlanRecord.planned_until.set(until)], condition=unmoved)
    except UpdateError as error:
        if error.cause_response_code != "ConditionalCheckFailedException":
            raise
        return []
    return [second for second in range(after + 1, until + 1) if second % interval_seconds == 0]


def enqueue(seconds: Sequence[int], now: datetime) -> None:
    """Send one message per second of ``seconds`` to the sender's queue, delayed until that second.

    Raises
    ------
    DeliveryFailed
        If the queue still refuses some messages after every retry.

    """
    this_second = int(now.timestamp())
    entries = [
        {
            "Id": str(second),
            "MessageBody": json.dumps({"second": second}),
            "DelaySeconds": max(second - this_second, 0),
        }
        for second in seconds
    ]
    send_messages(settings.text("SENDER_QUEUE_URL"), entries)
