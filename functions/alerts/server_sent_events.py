"""Format alerts as Server-Sent Events (HTML Living Standard, section 9.2)."""

import re
from collections.abc import Sequence

from alerts.log import LoggedAlert

RETRY_MILLISECONDS = 200
_EVENT_ID = re.compile(r"\d{1,15}", re.ASCII)


def format_alerts(alerts: Sequence[LoggedAlert], *, seen: int) -> str:
    """The text of an event stream.

    It starts with the id ``seen``, so that a client without alerts still has an id to reconnect with: an EventSource
    remembers an ``id`` without data and raises no event.
    """
    blocks = [f": keep-alive\nretry: {RETRY_MILLISECONDS}\nid: {seen}\n\n"]
    blocks += [f"id: {alert.number}\nevent: new_alert\ndata: {alert.detection}\n\n" for alert in alerts]
    return "".join(blocks)


def parse_event_id(event_id: str | None) -> int | None:
    """The number of the alert with this id, or ``None`` for any other id.

    An unknown id is no error: an error would stop an EventSource for good.
    """
    return int(event_id) if event_id and _EVENT_ID.fullmatch(event_id) else None
