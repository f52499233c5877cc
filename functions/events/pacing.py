"""Plan when sample events are sent: at every second that the interval divides, each once.

How far the plan goes is stored. A tick plans from there to somewhat more than a minute ahead, so that
a tick that comes late or twice, as they do, makes no gap and no second plan for the same time.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pynamodb.exceptions import UpdateError

from events.model import SendingPlanRecord
from sitewatch import aws, settings
from sitewatch.delivery import chunks, deliver

AHEAD_SECONDS = 90
"""A tick comes every 60 s; 30 s late is no gap yet."""
_MOST_ENTRIES = 10


def plan(now: datetime, interval_seconds: int) -> list[int]:
    """The seconds (in Unix time) to send at that no tick has planned yet; none where another tick plans them."""
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
    """Have a message arrive at the sender's queue at each of ``seconds``: the queue does the waiting.

    Raises
    ------
    DeliveryFailed
        Where the queue goes on refusing messages after every retry.

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
    for chunk in chunks(entries, most=_MOST_ENTRIES):
        deliver(chunk, _send)


def _send(entries: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
    answer = aws.client("sqs").send_message_batch(QueueUrl=settings.text("SENDER_QUEUE_URL"), Entries=entries)
    refused = {failure["Id"] for failure in answer.get("Failed", [])}
    return [entry for entry in entries if entry["Id"] in refused]
